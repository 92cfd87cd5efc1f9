#include "wire/promised_bytes.hpp"

#include <zstd.h>

#include <algorithm>
#include <cstdint>

#include "wire/envelope.hpp"
#include "wire/msgpack_cursor.hpp"

namespace ferry::wire {
namespace {

std::size_t promised_by_frame(std::string_view frame) {
  const unsigned long long bytes = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (bytes == ZSTD_CONTENTSIZE_ERROR) return 0;
  // "Unknown" is the largest number but one.
  return static_cast<std::size_t>(std::min<unsigned long long>(bytes, max_inflated_bytes));
}

std::size_t promised(std::string_view envelope, bool nested) {
  MsgpackCursor in(envelope);
  std::size_t fields = 0;
  std::uint64_t version = 0;
  std::uint64_t flags = 0;
  std::uint64_t count = 0;
  std::string_view first_id;
  std::string_view body;
  if (!in.read_array(fields) || !in.read_uint(version) || !in.read_uint(flags) ||
      !in.read_uint(count) || !in.read_bin(first_id) || !in.read_bin(body)) {
    return 0;
  }
  const bool bundle = (flags & flag_bundle) != 0;
  if ((flags & flag_zstd) != 0) {
    // What is in the parts of a compressed bundle shows only when it is inflated.
    return bundle ? max_inflated_bytes : promised_by_frame(body);
  }
  if (!bundle || nested) return 0;
  MsgpackCursor list(body);
  std::size_t parts = 0;
  if (!list.read_array(parts)) return 0;
  std::size_t sum = 0;
  std::string_view part;
  for (; parts > 0 && sum < max_inflated_bytes && list.read_bin(part); --parts) {
    sum += promised(part, true);
  }
  return std::min(sum, max_inflated_bytes);
}

}  // namespace

std::size_t promised_bytes(std::string_view envelope) { return promised(envelope, false); }

}  // namespace ferry::wire
