#include "limit.hpp"

#include <hiredis/hiredis.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "redis/hiredis_compat.hpp"

namespace ferry::bench {
namespace {

/// Replies of a portion wait in the socket meanwhile, so there must not be too many of them.
constexpr std::size_t portions_under_way = 3;
constexpr std::size_t most_entries_in_a_portion = 256;
constexpr std::size_t read_bytes = 256 * 1024;

void append_word(std::string& to, std::string_view word) {
  to += '$';
  to += std::to_string(word.size());
  to += "\r\n";
  to += word;
  to += "\r\n";
}

std::string command(std::initializer_list<std::string_view> words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto word : words) append_word(bytes, word);
  return bytes;
}

/// What msgpack::pack writes to.
struct Sink {
  std::string& bytes;
  void write(const char* data, std::size_t size) { bytes.append(data, size); }
};

/// Returns: what msgpack writes before so many bytes; all but the first character are the size.
std::string bin_header(std::size_t size) {
  std::string header;
  Sink sink{header};
  msgpack::packer(sink).pack_bin(static_cast<std::uint32_t>(size));
  return header;
}

std::size_t big_endian(std::string_view bytes) {
  std::size_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

/// Walks a payload and adds up its strings.
struct Walk : msgpack::null_visitor {
  std::size_t characters = 0;
  bool visit_str(const char*, std::uint32_t size) {
    characters += size;
    return true;
  }
};

std::size_t depth_of(const redisReadTask& task) {
  std::size_t depth = 0;
  for (const auto* at = task.parent; at != nullptr; at = at->parent) ++depth;
  return depth;
}

}  // namespace

struct Limit::Impl {
  redisContext* context = nullptr;
  redisReader* reader = nullptr;
  redisReplyObjectFunctions functions{};
  redisReply placeholder{};  ///< every reply is this one: nothing is allocated for them

  Blob blob;
  LimitShape shape;
  std::string head;            ///< stands for the envelope's head and kind table
  std::string job_head;        ///< stands for a job's kind and time; ends with the payload's size
  std::size_t size_bytes = 0;  ///< at the end of `job_head`
  std::size_t payload_bytes = 0;
  std::size_t characters = 0;  ///< of one payload: its strings

  std::string out;
  std::vector<char> in = std::vector<char>(read_bytes);
  std::string error;
  long long integer = 0;
  std::size_t entries = 0;  ///< read since the last command
  std::size_t bad_entries = 0;
  std::string ids;  ///< of the entries read, as words of the next XACK and XDEL

  Impl(const std::string& socket_path, const Blob& job, LimitShape of);
  ~Impl() {
    if (reader != nullptr) redisReaderFree(reader);
    if (context != nullptr) redisFree(context);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  static void* text(const redisReadTask& task, const char* characters, std::size_t size);
  static void* array(const redisReadTask& task, std::size_t) { return &self(task).placeholder; }
  static void* nil(const redisReadTask& task) { return &self(task).placeholder; }
  static void* integer_(const redisReadTask& task, long long value) {
    self(task).integer = value;
    return &self(task).placeholder;
  }
  static Impl& self(const redisReadTask& task) { return *static_cast<Impl*>(task.privdata); }

  void take_entry(std::string_view value);
  void pack_envelope();
  void send();
  void read_reply();
  void call(const std::string& bytes) {
    out += bytes;
    send();
    read_reply();
  }
  std::size_t entries_in_a_portion() const {
    return std::clamp<std::size_t>(shape.portion_bytes / shape.envelope_bytes, 1,
                                   most_entries_in_a_portion);
  }
};

namespace {
/// The names that reply_functions() asks for.
template <typename Impl>
struct Maker {
  static void* text(const redisReadTask& task, const char* characters, std::size_t size) {
    return Impl::text(task, characters, size);
  }
  static void* array(const redisReadTask& task, std::size_t size) {
    return Impl::array(task, size);
  }
  static void* integer(const redisReadTask& task, long long value) {
    return Impl::integer_(task, value);
  }
  static void* nil(const redisReadTask& task) { return Impl::nil(task); }
};
}  // namespace

Limit::Impl::Impl(const std::string& socket_path, const Blob& job, LimitShape of)
    : blob(job), shape(of) {
  std::string packed;
  Sink sink{packed};
  msgpack::pack(sink, blob);
  payload_bytes = packed.size();
  characters = std::string_view("body").size() + blob.body.size();
  const std::string size = bin_header(payload_bytes);
  const std::size_t least = shape.jobs_per_envelope * (payload_bytes + size.size());
  if (least > shape.envelope_bytes) {
    throw std::runtime_error("limit: the payloads do not fit into the envelope");
  }
  const std::size_t spare = shape.envelope_bytes - least;
  job_head.assign(spare / shape.jobs_per_envelope, '.');
  head.assign(spare % shape.jobs_per_envelope, '.');
  size_bytes = size.size() - 1;
  job_head += size;

  context = redisConnectUnix(socket_path.c_str());
  if (context == nullptr || context->err != 0) {
    throw std::runtime_error("limit: cannot connect to " + socket_path);
  }
  functions = redis::reply_functions<Maker<Impl>>();
  reader = redisReaderCreateWithFunctions(&functions);
  if (reader == nullptr) throw std::runtime_error("limit: no memory for a reader");
  reader->privdata = this;
  reader->maxbuf = 0;  // keep the buffer, whatever its size
}

/// In the reply of XREADGROUP an entry's id and fields are four arrays deep, its value five.
void* Limit::Impl::text(const redisReadTask& task, const char* characters, std::size_t size) {
  Impl& to = self(task);
  if (task.type == REDIS_REPLY_ERROR) {
    to.error.assign(characters, size);
  } else if (task.parent != nullptr) {
    const std::size_t depth = depth_of(task);
    if (depth == 4 && task.idx == 0) append_word(to.ids, {characters, size});
    if (depth == 5 && task.idx == 1) to.take_entry({characters, size});
  }
  return &to.placeholder;
}

// Called from C: nothing may leave by exception, so what is wrong is counted.
void Limit::Impl::take_entry(std::string_view value) {
  ++entries;
  Walk walk;
  std::size_t at = head.size();
  if (value.size() == shape.envelope_bytes) {
    for (std::size_t job = 0; job < shape.jobs_per_envelope; ++job) {
      at += job_head.size();
      std::size_t offset = 0;
      const std::size_t size = big_endian(value.substr(at - size_bytes, size_bytes));
      if (size > value.size() - at) break;
      if (!msgpack::parse(value.data() + at, size, offset, walk)) break;
      at += size;
    }
  }
  if (walk.characters != characters * shape.jobs_per_envelope) ++bad_entries;
}

void Limit::Impl::pack_envelope() {
  out += head;
  Sink sink{out};
  for (std::size_t job = 0; job < shape.jobs_per_envelope; ++job) {
    out += job_head;
    msgpack::pack(sink, blob);
  }
  out += "\r\n";
}

void Limit::Impl::send() {
  std::size_t sent = 0;
  while (sent < out.size()) {
    const auto now = ::send(context->fd, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (now < 0 && errno != EINTR) {
      throw std::runtime_error(std::string("limit: cannot send: ") + std::strerror(errno));
    }
    if (now > 0) sent += static_cast<std::size_t>(now);
  }
  out.clear();
}

void Limit::Impl::read_reply() {
  void* reply = nullptr;
  while (true) {
    if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
      throw std::runtime_error(std::string("limit: not Redis's protocol: ") + reader->errstr);
    }
    if (reply != nullptr) break;
    const auto got = ::recv(context->fd, in.data(), in.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw std::runtime_error("limit: Redis closed the connection");
    if (redisReaderFeed(reader, in.data(), static_cast<std::size_t>(got)) != REDIS_OK) {
      throw std::runtime_error("limit: no memory for a reply");
    }
  }
  if (!error.empty()) throw std::runtime_error("limit: Redis says: " + error);
}

Limit::Limit(const std::string& socket_path, const Blob& blob, LimitShape shape)
    : impl_(std::make_unique<Impl>(socket_path, blob, shape)) {}
Limit::~Limit() = default;

void Limit::make(const std::string& stream) {
  impl_->call(command({"XGROUP", "CREATE", stream, "limit", "0", "MKSTREAM"}));
}

void Limit::enqueue(const std::string& stream, std::size_t jobs) {
  // All that stands before the value is the same for every entry.
  std::string prefix = command({"XADD", stream, "*", "e"});
  prefix[1] = '5';
  prefix += "$" + std::to_string(impl_->shape.envelope_bytes) + "\r\n";

  const std::size_t total = jobs / impl_->shape.jobs_per_envelope;
  const std::size_t portion = impl_->entries_in_a_portion();
  const std::string multi = impl_->shape.transactions ? command({"MULTI"}) : "";
  const std::string exec = impl_->shape.transactions ? command({"EXEC"}) : "";
  // Their own replies.
  const std::size_t around = impl_->shape.transactions ? 2 : 0;
  std::size_t owed = 0;
  for (std::size_t sent = 0; sent < total;) {
    const std::size_t now = std::min(portion, total - sent);
    impl_->out += multi;
    for (std::size_t i = 0; i < now; ++i) {
      impl_->out += prefix;
      impl_->pack_envelope();
    }
    impl_->out += exec;
    impl_->send();
    sent += now;
    owed += now + around;
    for (; owed > portions_under_way * (portion + around); --owed) impl_->read_reply();
  }
  for (; owed > 0; --owed) impl_->read_reply();
}

void Limit::drain(const std::string& stream, std::size_t jobs) {
  Impl& to = *impl_;
  const std::size_t total = jobs / to.shape.jobs_per_envelope;
  // The shortest wait there is: what is acknowledged behind a waiting read waits with it.
  const std::string read = command({"XREADGROUP", "GROUP", "limit", "one", "COUNT",
                                    std::to_string(4 * to.entries_in_a_portion()), "BLOCK", "1",
                                    "STREAMS", stream, ">"});
  std::array<std::size_t, 2> replies_before_read{};  // of acknowledgements, for each read under way
  to.out += read;
  to.out += read;
  to.send();
  std::size_t taken = 0;
  std::size_t turn = 0;
  std::size_t owed = 0;  // replies that follow the last read
  while (taken < total) {
    for (; replies_before_read[turn % 2] > 0; --replies_before_read[turn % 2]) to.read_reply();
    to.entries = 0;
    to.ids.clear();
    to.read_reply();
    taken += to.entries;
    if (to.entries > 0) {
      const std::string count = std::to_string(to.entries + 3);
      std::string first = "*" + count + "\r\n";
      for (const std::string_view word :
           {std::string_view("XACK"), std::string_view(stream), std::string_view("limit")}) {
        append_word(first, word);
      }
      to.out += first;
      to.out += to.ids;
      to.out += "*" + std::to_string(to.entries + 2) + "\r\n";
      append_word(to.out, "XDEL");
      append_word(to.out, stream);
      to.out += to.ids;
    }
    const std::size_t acknowledgements = to.entries > 0 ? 2 : 0;
    if (taken < total) {
      to.out += read;
      replies_before_read[turn % 2] = acknowledgements;
    } else {
      owed = acknowledgements;
    }
    to.send();
    ++turn;
  }
  // The other read came back empty or is about to; then the last acknowledgements.
  owed += replies_before_read[turn % 2] + 1;
  to.entries = 0;
  for (; owed > 0; --owed) to.read_reply();
  if (taken != total || to.entries != 0 || to.bad_entries != 0) {
    throw std::runtime_error("limit: took " + std::to_string(taken + to.entries) +
                             " entries instead of " + std::to_string(total) + ", " +
                             std::to_string(to.bad_entries) + " of them not as they were stored");
  }
}

void Limit::check(const std::string& stream, std::size_t entries) {
  impl_->call(command({"XLEN", stream}));
  const auto stored = impl_->integer;
  impl_->integer = 0;
  // The summary's first element is the only number at its top.
  impl_->call(command({"XPENDING", stream, "limit"}));
  if (stored != static_cast<long long>(entries) || impl_->integer != 0) {
    throw std::runtime_error("limit: " + std::to_string(stored) + " entries stored and " +
                             std::to_string(impl_->integer) + " pending, expected " +
                             std::to_string(entries) + " and none");
  }
}

void Limit::flush_all() { impl_->call(command({"FLUSHALL", "SYNC"})); }

}  // namespace ferry::bench
