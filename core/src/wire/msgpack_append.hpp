#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace ferry::wire {

/// Appends msgpack values in their shortest form. Small enough to inline: a job is four of them.
///
/// Units: headers take at most 9 bytes.
class MsgpackAppender {
 public:
  explicit MsgpackAppender(std::string& out) : out_(out) {}

  void raw(std::string_view bytes) { out_.append(bytes); }

  void array(std::size_t elements) { sized(elements, 0x90, 0x0f, 0, 0xdc, 0xdd); }
  void map(std::size_t pairs) { sized(pairs, 0x80, 0x0f, 0, 0xde, 0xdf); }

  void uint(std::uint64_t value) {
    if (value <= 0x7f) {
      out_.push_back(static_cast<char>(value));
    } else if (value <= 0xff) {
      number(0xcc, value, 1);
    } else if (value <= 0xffff) {
      number(0xcd, value, 2);
    } else if (value <= 0xffffffff) {
      number(0xce, value, 4);
    } else {
      number(0xcf, value, 8);
    }
  }

  void integer(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    if (value >= 0) {
      uint(bits);
    } else if (value >= -32) {
      out_.push_back(static_cast<char>(value));
    } else if (value >= -128) {
      number(0xd0, bits, 1);
    } else if (value >= -32768) {
      number(0xd1, bits, 2);
    } else if (value >= -2147483648LL) {
      number(0xd2, bits, 4);
    } else {
      number(0xd3, bits, 8);
    }
  }

  void str(std::string_view text) {
    sized(text.size(), 0xa0, 0x1f, 0xd9, 0xda, 0xdb);
    out_.append(text);
  }

  /// The header of a bin whose bytes the caller appends.
  void bin_header(std::size_t bytes) { sized(bytes, 0, 0, 0xc4, 0xc5, 0xc6); }
  void bin(std::string_view bytes) {
    bin_header(bytes.size());
    out_.append(bytes);
  }

 private:
  void number(unsigned char type, std::uint64_t value, std::size_t width) {
    const std::uint64_t shifted = value << (64 - 8 * width);
    const std::uint64_t big_endian =
        std::endian::native == std::endian::little ? __builtin_bswap64(shifted) : shifted;
    char bytes[9];
    bytes[0] = static_cast<char>(type);
    std::memcpy(bytes + 1, &big_endian, sizeof big_endian);
    out_.append(bytes, 1 + width);
  }

  /// `fixed` 0 and `wide8` 0 say that the type has no such form.
  void sized(std::size_t size, unsigned char fixed, std::size_t fixed_most, unsigned char wide8,
             unsigned char wide16, unsigned char wide32) {
    if (fixed != 0 && size <= fixed_most) {
      out_.push_back(static_cast<char>(fixed | size));
    } else if (wide8 != 0 && size <= 0xff) {
      number(wide8, size, 1);
    } else if (size <= 0xffff) {
      number(wide16, size, 2);
    } else {
      number(wide32, size, 4);
    }
  }

  std::string& out_;
};

}  // namespace ferry::wire
