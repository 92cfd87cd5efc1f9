#pragma once

#include <cstdint>
#include <msgpack.hpp>
#include <string_view>

/// One vector to be scored. It is made from its number, so that the job stays small and everyone
/// can work out again what the answer has to be.
struct ScoreVector {
  static constexpr std::string_view kind = "score_vector";
  std::uint64_t number = 0;
  MSGPACK_DEFINE_MAP(number)
};
