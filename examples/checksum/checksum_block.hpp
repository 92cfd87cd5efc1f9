#pragma once

#include <cstdint>
#include <msgpack.hpp>
#include <string_view>

/// One block of 64 KiB to be checksummed; made from its number.
struct ChecksumBlock {
  static constexpr std::string_view kind = "checksum_block";
  std::uint64_t number = 0;
  MSGPACK_DEFINE_MAP(number)
};
