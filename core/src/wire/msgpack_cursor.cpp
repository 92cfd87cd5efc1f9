#include "wire/msgpack_cursor.hpp"

#include <limits>

namespace ferry::wire {

bool MsgpackCursor::length(std::size_t width, std::uint64_t& value) const {
  if (left() < 1 + width) return false;
  value = 0;
  for (std::size_t i = 1; i <= width; ++i) value = value << 8 | at_[i];
  return true;
}

bool MsgpackCursor::read_wide_uint(std::uint64_t& value) {
  if (at_ == end_) return fail(Problem::cut_off);
  const unsigned char type = *at_;
  if (type < 0xcc || type > 0xd3) return fail(Problem::wrong_type);
  const bool is_signed = type >= 0xd0;
  const std::size_t width = std::size_t{1} << (type - (is_signed ? 0xd0 : 0xcc));
  std::uint64_t read = 0;
  if (!length(width, read)) return fail(Problem::cut_off);
  if (is_signed && (at_[1] & 0x80) != 0) return fail(Problem::wrong_type);
  value = read;
  at_ += 1 + width;
  return true;
}

bool MsgpackCursor::read_int(std::int64_t& value) {
  if (at_ == end_) return fail(Problem::cut_off);
  const unsigned char type = *at_;
  if (type >= 0xe0) {
    value = static_cast<std::int64_t>(type) - 0x100;
    ++at_;
    return true;
  }
  if (type >= 0xd0 && type <= 0xd3) {
    const std::size_t width = std::size_t{1} << (type - 0xd0);
    std::uint64_t read = 0;
    if (!length(width, read)) return fail(Problem::cut_off);
    if (width < 8 && (at_[1] & 0x80) != 0) read |= ~std::uint64_t{0} << (8 * width);
    value = static_cast<std::int64_t>(read);
    at_ += 1 + width;
    return true;
  }
  const unsigned char* before = at_;
  std::uint64_t read = 0;
  if (!read_uint(read)) return false;
  if (read > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    at_ = before;
    return fail(Problem::wrong_type);
  }
  value = static_cast<std::int64_t>(read);
  return true;
}

bool MsgpackCursor::take(std::size_t header, std::uint64_t size, std::string_view& value) {
  if (left() < header || size > left() - header) return fail(Problem::cut_off);
  value = {reinterpret_cast<const char*>(at_ + header), static_cast<std::size_t>(size)};
  at_ += header + static_cast<std::size_t>(size);
  return true;
}

bool MsgpackCursor::read_str(std::string_view& value) {
  if (at_ == end_) return fail(Problem::cut_off);
  const unsigned char type = *at_;
  if (type >= 0xa0 && type <= 0xbf) return take(1, type & 0x1f, value);
  if (type < 0xd9 || type > 0xdb) return fail(Problem::wrong_type);
  const std::size_t width = std::size_t{1} << (type - 0xd9);
  std::uint64_t size = 0;
  if (!length(width, size)) return fail(Problem::cut_off);
  return take(1 + width, size, value);
}

bool MsgpackCursor::read_bin(std::string_view& value) {
  if (at_ == end_ || *at_ < 0xc4 || *at_ > 0xc6) return fail_here();
  const std::size_t width = std::size_t{1} << (*at_ - 0xc4);
  std::uint64_t size = 0;
  if (!length(width, size)) return fail(Problem::cut_off);
  return take(1 + width, size, value);
}

bool MsgpackCursor::container(unsigned char fixed, unsigned char wide, std::size_t values_each,
                              std::size_t& count) {
  if (at_ == end_) return fail(Problem::cut_off);
  const unsigned char type = *at_;
  std::uint64_t read = 0;
  std::size_t header = 1;
  if ((type & 0xf0) == fixed) {
    read = type & 0x0f;
  } else if (type == wide || type == wide + 1) {
    const std::size_t width = type == wide ? 2 : 4;
    if (!length(width, read)) return fail(Problem::cut_off);
    header += width;
  } else {
    return fail(Problem::wrong_type);
  }
  if (read * values_each > left() - header) return fail(Problem::cut_off);
  count = static_cast<std::size_t>(read);
  at_ += header;
  return true;
}

bool MsgpackCursor::read_array(std::size_t& elements) { return container(0x90, 0xdc, 1, elements); }

bool MsgpackCursor::read_map(std::size_t& pairs) { return container(0x80, 0xde, 2, pairs); }

bool MsgpackCursor::measure(std::uint64_t& bytes, std::uint64_t& elements) const {
  const unsigned char type = *at_;
  std::uint64_t size = 0;
  bytes = 1;
  elements = 0;
  if (type <= 0x7f || type >= 0xe0 || (type >= 0xc0 && type <= 0xc3)) return type != 0xc1;
  if (type <= 0x8f) {
    elements = 2 * (type & 0x0fu);
  } else if (type <= 0x9f) {
    elements = type & 0x0fu;
  } else if (type <= 0xbf) {
    bytes += type & 0x1fu;
  } else if (type <= 0xc9) {  // bin 8 to 32, ext 8 to 32
    const bool is_ext = type >= 0xc7;
    const std::size_t width = std::size_t{1} << (type - (is_ext ? 0xc7 : 0xc4));
    if (!length(width, size)) return false;
    bytes += width + size + (is_ext ? 1 : 0);
  } else if (type <= 0xcb) {  // float 32, float 64
    bytes += type == 0xca ? 4 : 8;
  } else if (type <= 0xd3) {  // uint 8 to 64, int 8 to 64
    bytes += std::uint64_t{1} << (type - (type >= 0xd0 ? 0xd0 : 0xcc));
  } else if (type <= 0xd8) {  // fixext 1 to 16
    bytes += 1 + (std::uint64_t{1} << (type - 0xd4));
  } else if (type <= 0xdb) {  // str 8 to 32
    const std::size_t width = std::size_t{1} << (type - 0xd9);
    if (!length(width, size)) return false;
    bytes += width + size;
  } else {  // array 16, 32, map 16, 32
    const std::size_t width = type % 2 == 0 ? 2 : 4;
    if (!length(width, size)) return false;
    bytes += width;
    elements = type >= 0xde ? 2 * size : size;
  }
  return true;
}

bool MsgpackCursor::skip() {
  const unsigned char* before = at_;
  std::uint64_t values = 1;
  while (values > 0) {
    std::uint64_t bytes = 0;
    std::uint64_t elements = 0;
    // Every value still owed takes at least one byte, so `values` stays below the bytes given.
    const bool known = at_ != end_ && measure(bytes, elements);
    if (!known || bytes > left() || values - 1 + elements > left() - bytes) {
      const bool reserved = at_ != end_ && *at_ == 0xc1;
      at_ = before;
      return fail(reserved ? Problem::wrong_type : Problem::cut_off);
    }
    at_ += bytes;
    values += elements - 1;
  }
  return true;
}

}  // namespace ferry::wire
