#pragma once

#include <msgpack.hpp>
#include <string_view>

namespace ferry::test {

/// The job of tests that only have to tell one from another.
struct Number {
  static constexpr std::string_view kind = "number";
  int value = 0;
  MSGPACK_DEFINE_MAP(value)
};

}  // namespace ferry::test
