#include "wire/envelope_head.hpp"

#include <cstring>

namespace ferry::wire {

std::size_t read_head(std::string_view bytes, Head& head, bool& has_death) {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); };
  if (bytes.size() < 6) return 0;
  if (byte(0) != 0x95 && byte(0) != 0x96) return 0;
  if (byte(1) != envelope_version) return 0;
  std::size_t at = 4;
  std::size_t count = byte(3);
  if (count == 0xcc) {
    count = byte(4);
    at = 5;
  } else if (count == 0xcd) {
    count = static_cast<std::size_t>(byte(4) << 8 | byte(5));
    at = 6;
  } else if (count > 0x7f) {
    return 0;
  }
  if (count < 1 || count > max_jobs_in_envelope) return 0;
  if (bytes.size() < at + 18 || byte(at) != 0xc4 || byte(at + 1) != 16) return 0;
  at += 2;
  head.version = byte(1);
  head.flags = byte(2);
  head.count = count;
  std::memcpy(head.first_id.bytes.data(), bytes.data() + at, 16);
  has_death = byte(0) == 0x96;
  return at + 16;
}

std::optional<Head> decode_head(std::string_view bytes) {
  Head head;
  bool has_death = false;
  if (read_head(bytes, head, has_death) == 0) return std::nullopt;
  return head;
}

}  // namespace ferry::wire
