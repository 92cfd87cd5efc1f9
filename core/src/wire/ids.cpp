#include <bit>
#include <cstring>
#include <random>

#include "wire/envelope.hpp"

namespace ferry::wire {
namespace {

constexpr std::uint64_t low_62_bits = (std::uint64_t{1} << 62) - 1;

std::uint64_t big_endian(std::uint64_t value) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(value) : value;
}

std::uint64_t read_big_endian(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return big_endian(value);
}

void write_big_endian(std::uint64_t value, std::uint8_t* bytes) {
  value = big_endian(value);
  std::memcpy(bytes, &value, sizeof value);
}

std::uint64_t rotated(std::uint64_t value, int by) { return value << by | value >> (64 - by); }

/// Source: xoroshiro128++ by Blackman and Vigna, https://prng.di.unimi.it/xoroshiro128plusplus.c
std::uint64_t draw(std::uint64_t (&state)[2]) {
  const std::uint64_t first = state[0];
  std::uint64_t second = state[1];
  const std::uint64_t result = rotated(first + second, 17) + first;
  second ^= first;
  state[0] = rotated(first, 49) ^ second ^ (second << 21);
  state[1] = rotated(second, 28);
  return result;
}

}  // namespace

JobIdSource::JobIdSource() {
  std::random_device device;
  for (std::uint64_t& word : state_) {
    word = static_cast<std::uint64_t>(device()) << 32 | static_cast<std::uint64_t>(device());
  }
  state_[1] |= 1;  // an all-zero state would stay zero
}

JobId JobIdSource::next(std::uint64_t now_ms) {
  constexpr std::uint64_t version_7 = 7;
  constexpr std::uint64_t variant_10 = std::uint64_t{2} << 62;
  JobId id;
  write_big_endian(now_ms << 16 | version_7 << 12 | draw(state_) >> 52, id.bytes.data());
  write_big_endian(variant_10 | draw(state_) % (low_62_bits + 1 - max_jobs_in_envelope),
                   id.bytes.data() + 8);
  return id;
}

JobId id_after(const JobId& first, std::size_t offset) {
  JobId id = first;
  const std::uint64_t low = read_big_endian(first.bytes.data() + 8);
  write_big_endian(low + offset, id.bytes.data() + 8);
  if (low + offset < low) {
    write_big_endian(read_big_endian(first.bytes.data()) + 1, id.bytes.data());
  }
  return id;
}

}  // namespace ferry::wire
