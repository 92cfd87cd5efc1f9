#include "model/small_envelope.hpp"

#include "model/twin.hpp"

namespace ferry::model {
namespace {

std::int64_t number_at(const std::string& bytes, std::size_t at, std::size_t size) {
  std::int64_t number = 0;
  for (std::size_t i = at; i < at + size; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes.at(i));
  }
  return number;
}

}  // namespace

std::string small_envelope(std::int64_t first, std::size_t jobs, int attempts) {
  return std::string("\x95\x01\x00\xcd", 4) + big_endian(static_cast<std::int64_t>(jobs), 2) +
         "\xc4\x10" + std::string(8, '\0') + big_endian(first, 8) + "\xc4" +
         big_endian(static_cast<std::int64_t>(jobs), 1) +
         std::string(jobs, static_cast<char>('0' + attempts));
}

std::vector<SmallJob> jobs_of(const std::string& envelope) {
  constexpr std::size_t head_bytes = 24;
  constexpr char bundle_flag = 4;
  std::vector<SmallJob> jobs;
  if (envelope[2] != bundle_flag) {
    const std::int64_t first = number_at(envelope, 16, 8);
    const std::size_t body = head_bytes + 2;  // behind the bin's own head
    for (std::size_t i = body; i < envelope.size(); ++i) {
      jobs.push_back({first + static_cast<std::int64_t>(i - body), envelope[i] - '0'});
    }
    return jobs;
  }
  // bin 32 of: array 32 of bin 32.
  for (std::size_t at = head_bytes + 10; at < envelope.size();) {
    const auto size = static_cast<std::size_t>(number_at(envelope, at + 1, 4));
    const auto part = jobs_of(envelope.substr(at + 5, size));
    jobs.insert(jobs.end(), part.begin(), part.end());
    at += 5 + size;
  }
  return jobs;
}

}  // namespace ferry::model
