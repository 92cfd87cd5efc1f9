#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string_view>

namespace ferry::redis {

/// A reply, read only; lives in the arena of the ReplyBuffer it came with.
struct Reply {
  enum class Type : std::uint8_t { nil, integer, text, status, error, array };

  Type type = Type::nil;
  std::int64_t integer = 0;
  std::string_view text;            ///< of text, status and error
  const Reply* elements = nullptr;  ///< of an array
  std::size_t size = 0;

  /// Returns: nil where there is no such element, so that no reader trusts a length it was sent.
  const Reply& operator[](std::size_t i) const;
  const Reply* begin() const { return elements; }
  const Reply* end() const { return elements + size; }
  bool is_error() const { return type == Type::error; }
  bool is_nil() const { return type == Type::nil; }
};

inline const Reply& Reply::operator[](std::size_t i) const {
  static constexpr Reply none{};
  return i < size ? elements[i] : none;
}

/// One reply and the arena that holds it; elements cost no allocation of their own.
class ReplyBuffer {
 public:
  explicit ReplyBuffer(std::size_t first_block_bytes = 4096) : arena_(first_block_bytes) {}
  ReplyBuffer(const ReplyBuffer&) = delete;
  ReplyBuffer& operator=(const ReplyBuffer&) = delete;

  const Reply& root() const { return *root_; }
  std::pmr::memory_resource* arena() { return &arena_; }
  void set_root(const Reply* root) { root_ = root; }

 private:
  std::pmr::monotonic_buffer_resource arena_;
  const Reply* root_ = nullptr;
};

using ReplyPtr = std::shared_ptr<const ReplyBuffer>;

}  // namespace ferry::redis
