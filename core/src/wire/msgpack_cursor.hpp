#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ferry::wire {

/// Reads msgpack values one after the other, in every width that msgpack allows, and checks each
/// length against the bytes that are left before anything trusts it.
///
/// Not msgpack-c's parser: its visitor sees the size of an array before anyone has compared it with
/// the bytes left, keeps a stack on the heap for each parse, and would turn the fixed grammar of an
/// envelope into a state machine over callbacks. Here that grammar is plain code.
///
/// A read that fails leaves the cursor where it is, and `problem` says why.
///
/// Threads: one thread at a time.
/// Source: https://github.com/msgpack/msgpack/blob/master/spec.md
class MsgpackCursor {
 public:
  enum class Problem : std::uint8_t { none, wrong_type, cut_off };

  explicit MsgpackCursor(std::string_view bytes)
      : at_(reinterpret_cast<const unsigned char*>(bytes.data())), end_(at_ + bytes.size()) {}

  bool at_end() const { return at_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  Problem problem() const { return problem_; }

  /// The first byte of the next value; not at the end.
  unsigned char type() const { return *at_; }

  bool next_is_integer() const {
    return at_ != end_ && (*at_ <= 0x7f || *at_ >= 0xe0 || (*at_ >= 0xcc && *at_ <= 0xd3));
  }

  /// Reads an integer that is not negative, however it is written.
  bool read_uint(std::uint64_t& value) {
    if (at_ != end_ && *at_ <= 0x7f) {
      value = *at_++;
      return true;
    }
    return read_wide_uint(value);
  }

  /// Reads an integer up to 2^63 - 1.
  bool read_int(std::int64_t& value);

  bool read_str(std::string_view& value);
  bool read_bin(std::string_view& value);

  /// Reads bytes of any meaning.
  bool read_raw(std::size_t bytes, std::string_view& value) { return take(0, bytes, value); }
  bool pass(std::size_t bytes) {
    std::string_view passed;
    return read_raw(bytes, passed);
  }

  /// Reads the number of elements; never more than the bytes left can hold.
  bool read_array(std::size_t& elements);

  /// Reads the number of pairs; never more than the bytes left can hold.
  bool read_map(std::size_t& pairs);

  /// Passes over one value of any type. Keeps a count instead of a stack, so depth costs nothing.
  bool skip();

 private:
  bool fail(Problem problem) {
    problem_ = problem;
    return false;
  }
  bool fail_here() { return fail(at_ == end_ ? Problem::cut_off : Problem::wrong_type); }

  bool read_wide_uint(std::uint64_t& value);
  /// A big-endian number of `width` bytes behind the type byte.
  bool length(std::size_t width, std::uint64_t& value) const;
  bool take(std::size_t header, std::uint64_t size, std::string_view& value);
  bool container(unsigned char fixed, unsigned char wide, std::size_t values_each,
                 std::size_t& count);
  /// The bytes of one value without its elements, and how many elements follow.
  bool measure(std::uint64_t& bytes, std::uint64_t& elements) const;

  const unsigned char* at_;
  const unsigned char* end_;
  Problem problem_ = Problem::none;
};

}  // namespace ferry::wire
