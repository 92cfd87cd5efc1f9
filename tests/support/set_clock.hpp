#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "redis/connection.hpp"

namespace ferry::test {

/// Loads the functions again, as they are there, with a clock that stands where the key `clock`
/// says. What they remember between calls is forgotten.
inline void load_with_clock(redis::Connection& connection) {
  constexpr std::string_view commands =
      R"lua(call = function(...) call, try = redis.call, redis.pcall; return call(...) end
try = function(...) call, try = redis.call, redis.pcall; return try(...) end
)lua";
  constexpr std::string_view with_clock = R"lua(
local function on_clock(run, command, ...)
  if command ~= 'TIME' then return run(command, ...) end
  local now = tonumber(redis.call('GET', 'clock'))
  return {math.floor(now / 1000), now % 1000 * 1000}
end
call = function(...) return on_clock(redis.call, ...) end
try = function(...) return on_clock(redis.pcall, ...) end
)lua";
  const auto list = connection.call({"FUNCTION", "LIST", "LIBRARYNAME", "ferry_v1", "WITHCODE"});
  const redis::Reply& library = list->root()[0];
  std::string text;
  for (std::size_t i = 0; i + 1 < library.size; i += 2) {
    if (library[i].text == "library_code") text = library[i + 1].text;
  }
  const std::size_t at = text.find(commands);
  if (text.find("on_clock") == std::string::npos) {
    ASSERT_NE(at, std::string::npos) << "the library calls Redis in another way";
    text.replace(at, commands.size(), with_clock);
  }
  connection.call({"FUNCTION", "LOAD", "REPLACE", text});
}

/// Units: ms since 1970.
inline void set_clock(redis::Connection& connection, std::int64_t ms) {
  connection.call({"SET", "clock", std::to_string(ms)});
}

}  // namespace ferry::test
