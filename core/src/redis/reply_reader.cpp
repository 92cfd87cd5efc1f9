#include "redis/reply_reader.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "ferry/error.hpp"
#include "redis/hiredis_compat.hpp"

namespace ferry::redis {
namespace {

// hiredis frees an empty buffer that is larger than this; below it, large replies that follow each
// other fill the same memory again.
constexpr std::size_t kept_buffer_bytes = 4 * 1024 * 1024;
constexpr std::size_t min_arena_bytes = 1024;
constexpr std::size_t max_arena_bytes = 1024 * 1024;
// What a few bytes may promise: 40 MiB of elements. A page of a thousand envelopes has six
// thousand.
constexpr std::size_t max_elements_in_reply = 1024 * 1024;

/// The reply that is being built.
struct Building {
  std::shared_ptr<ReplyBuffer> buffer;
  std::size_t arena_bytes = 0;
  std::size_t elements = 0;  ///< of all arrays of this reply, as far as they are known
  bool too_many = false;
};

/// hiredis's callbacks; they are called from C, so nothing may leave them by exception.
struct ReplyMaker {
  static Building& building(const redisReadTask& task) {
    return *static_cast<Building*>(task.privdata);
  }

  static void* allocate(Building& to, std::size_t bytes) {
    to.arena_bytes += bytes;
    return to.buffer->arena()->allocate(bytes, alignof(Reply));
  }

  /// The elements of an array are allocated with it, so only a root needs memory.
  static Reply* place(const redisReadTask& task) {
    if (task.parent != nullptr) {
      auto* parent = static_cast<Reply*>(task.parent->obj);
      return const_cast<Reply*>(&parent->elements[task.idx]);
    }
    Building& to = building(task);
    auto* root = new (allocate(to, sizeof(Reply))) Reply;
    to.buffer->set_root(root);
    return root;
  }

  static void* text(const redisReadTask& task, const char* characters, std::size_t size) {
    try {
      Reply* reply = place(task);
      reply->type = task.type == REDIS_REPLY_STATUS  ? Reply::Type::status
                    : task.type == REDIS_REPLY_ERROR ? Reply::Type::error
                                                     : Reply::Type::text;
      if (size > 0) {
        char* copy = static_cast<char*>(allocate(building(task), size));
        std::memcpy(copy, characters, size);
        reply->text = {copy, size};
      }
      return reply;
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  static void* array(const redisReadTask& task, std::size_t size) {
    Building& to = building(task);
    if (task.parent == nullptr) to.elements = 0;
    if (size > max_elements_in_reply - to.elements) {
      to.too_many = true;
      return nullptr;
    }
    to.elements += size;
    try {
      Reply* reply = place(task);
      reply->type = Reply::Type::array;
      if (size > 0) {
        auto* elements = static_cast<Reply*>(allocate(to, size * sizeof(Reply)));
        std::uninitialized_default_construct_n(elements, size);
        reply->elements = elements;
      }
      reply->size = size;
      return reply;
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  static void* integer(const redisReadTask& task, long long value) {
    try {
      Reply* reply = place(task);
      reply->type = Reply::Type::integer;
      reply->integer = value;
      return reply;
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  static void* nil(const redisReadTask& task) {
    try {
      return place(task);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }
};

struct FreeReader {
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
};

}  // namespace

struct ReplyReader::Impl {
  redisReplyObjectFunctions functions = reply_functions<ReplyMaker>();
  std::unique_ptr<redisReader, FreeReader> reader;
  Building building;
  std::size_t next_arena_bytes = min_arena_bytes;
};

ReplyReader::ReplyReader() : impl_(std::make_unique<Impl>()) { clear(); }
ReplyReader::~ReplyReader() = default;

void ReplyReader::clear() {
  impl_->reader.reset(redisReaderCreateWithFunctions(&impl_->functions));
  if (!impl_->reader) throw std::bad_alloc{};
  impl_->reader->maxbuf = kept_buffer_bytes;
  impl_->reader->privdata = &impl_->building;
  impl_->building = {};
}

void ReplyReader::feed(const char* bytes, std::size_t size) {
  if (redisReaderFeed(impl_->reader.get(), bytes, size) != REDIS_OK) {
    throw Error(ErrorCode::internal, std::string("cannot keep Redis's reply: ") +
                                         static_cast<const char*>(impl_->reader->errstr));
  }
}

const Reply* ReplyReader::next_brief() {
  Building& building = impl_->building;
  if (!building.buffer) {
    // Replies on one connection resemble each other: one block of the last one's size will do.
    building.buffer = std::make_shared<ReplyBuffer>(impl_->next_arena_bytes);
    building.arena_bytes = 0;
  }
  void* root = nullptr;
  if (redisReaderGetReply(impl_->reader.get(), &root) != REDIS_OK) {
    const std::string why =
        building.too_many
            ? "it has more than " + std::to_string(max_elements_in_reply) + " elements"
            : std::string(static_cast<const char*>(impl_->reader->errstr));
    throw Error(ErrorCode::internal,
                "Redis's reply cannot be read: " + why + "; is there a Redis at this address?");
  }
  return static_cast<const Reply*>(root);
}

ReplyPtr ReplyReader::next() {
  if (next_brief() == nullptr) return nullptr;
  Building& building = impl_->building;
  impl_->next_arena_bytes =
      std::clamp(building.arena_bytes + building.arena_bytes / 8, min_arena_bytes, max_arena_bytes);
  return std::move(building.buffer);
}

}  // namespace ferry::redis
