#include "model/call_parts.hpp"

#include <algorithm>

#include "model/twin.hpp"

namespace ferry::model {

std::string CallParts::next_id() {
  // Bytes of every kind, in order as those of fresh jobs are.
  next_id_ += 1000 + random_.below(1000);
  return big_endian(static_cast<std::int64_t>(next_id_ * 0x9e3779b97f4a7c15u), 8) +
         big_endian(static_cast<std::int64_t>(next_id_), 8);
}

std::string CallParts::envelope_of(std::uint64_t jobs, const std::string& id, bool short_form) {
  std::string count = "\xcd" + big_endian(static_cast<std::int64_t>(jobs), 2);
  if (short_form && jobs < 0x80)
    count = big_endian(static_cast<std::int64_t>(jobs), 1);
  else if (short_form && jobs < 0x100)
    count = "\xcc" + big_endian(static_cast<std::int64_t>(jobs), 1);
  std::string begin(random_.one_in(9) ? "\x96\x01\x00" : "\x95\x01\x00", 3);
  if (random_.one_in(4)) begin[2] = random_.pick<char>({1, 1, 1, 2, 3, 4, 8, 16, 18, 32});
  std::string content = std::string(random_.below(40), 'b');
  if ((begin[2] & 1) != 0) content = frame() + content;
  return begin + count + "\xc4\x10" + id + body(content);
}

// Mostly the shortest form of a bin that reaches to the end.
std::string CallParts::body(const std::string& content) {
  const auto size = static_cast<std::int64_t>(content.size());
  if (random_.one_in(20)) return content;
  if (random_.one_in(20)) return "\xc4" + big_endian(size + random_.pick({-1, 1}), 1) + content;
  if (random_.one_in(8)) return "\xc5" + big_endian(size, 2) + content;
  if (random_.one_in(8)) return "\xc6" + big_endian(size, 4) + content;
  return "\xc4" + big_endian(size, 1) + content;
}

// The head of a zstd frame (RFC 8878, 3.1.1.1) in each of its forms, and rarely none.
std::string CallParts::frame() {
  const std::uint64_t form = random_.below(4), single = random_.below(2);
  const std::uint64_t dictionary = random_.pick<std::uint64_t>({0, 0, 0, 1, 2, 3});
  std::string text = random_.one_in(15) ? "\x28\xb5\x2f\xfe" : "\x28\xb5\x2f\xfd";
  text += static_cast<char>(form << 6 | single << 5 | dictionary);
  if (single == 0) text += 'w';
  text += std::string(dictionary == 3 ? 4 : dictionary, 'd');
  // Above a bundle's bound now and then.
  const std::int64_t size = random_.pick<std::int64_t>({0, 1, 200, 524'288, 1'048'000, 5'000'000});
  std::string digits = big_endian(size, 8);
  std::reverse(digits.begin(), digits.end());
  return text + digits.substr(0, form == 0 ? single : std::size_t{1} << form);
}

std::string CallParts::fresh_envelope() {
  const std::uint64_t jobs = random_.one_in(12)
                                 ? random_.pick<std::uint64_t>({127, 128, 255, 256, 700, 1000})
                                 : random_.pick<std::uint64_t>({1, 1, 2, 3});
  return envelope_of(jobs, next_id(), !random_.one_in(10));
}

std::string CallParts::broken_envelope() {
  std::string bytes = envelope_of(1, next_id());
  switch (random_.below(9)) {
    case 0:
      return "hello";
    case 1:
      return bytes.substr(0, random_.below(22));
    case 2:
      bytes[0] = '\x94';
      break;
    case 3:
      bytes[1] = 2;
      break;
    case 4:
      bytes[3] = 0;
      break;
    case 5:
      bytes[3] = '\x80';
      break;
    case 6:
      bytes[4] = '\xc5';
      break;
    case 7:
      bytes[5] = 15;
      break;
    default:
      return envelope_of(random_.pick<std::uint64_t>({0, 1001, 40000}), next_id(), false);
  }
  return bytes;
}

std::string CallParts::moved(const std::string& envelope, std::size_t index) {
  if (random_.one_in(40)) return random_.one_in(2) ? broken_envelope() : envelope_of(2, next_id());
  if (!jobs_in(envelope)) return envelope_of(1, next_id());
  std::string id = first_id(envelope);
  id.back() = static_cast<char>(id.back() + static_cast<char>(index));
  return envelope_of(1, id);
}

std::string CallParts::odd_name() {
  return random_.pick<std::string>({"", "zzz", "3:" + std::string(32, '0'),
                                    "1:" + std::string(31, '0'), "1:" + std::string(32, 'g'),
                                    "1:" + std::string(33, '0')});
}

std::string CallParts::told(std::int64_t value) {
  if (!random_.one_in(80)) return std::to_string(value);
  return random_.pick<std::string>({"x", "-1", "1.5", "", "9007199254740992", "nan", "inf", "-inf",
                                    "1e400", "31622400001000", "18446744073709551616"});
}

}  // namespace ferry::model
