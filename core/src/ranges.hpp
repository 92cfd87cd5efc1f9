#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "ferry/error.hpp"

// Every time, count and size that comes from outside is checked here before anybody counts with it.
//
// Errors: `invalid_argument` that names the field, the value and what was expected.

namespace ferry {

/// The longest that anything may be put off: a later due time is taken for a mistake.
inline constexpr std::chrono::milliseconds longest_delay = std::chrono::days{366};
/// The functions count in doubles: whole numbers up to here are exact.
inline constexpr std::int64_t largest_count = (std::int64_t{1} << 53) - 1;

inline void require(bool in_range, std::string_view field, std::string_view value,
                    std::string_view expected) {
  if (in_range) return;
  std::string message(field);
  message.append(" is ").append(value).append(": expected ").append(expected);
  throw Error(ErrorCode::invalid_argument, message);
}

/// `expected` is what the message says, where two numbers say too little.
template <std::integral T>
void require_between(std::string_view field, T value, std::type_identity_t<T> least,
                     std::type_identity_t<T> most, std::string_view expected = {}) {
  if (value >= least && value <= most) return;
  require(false, field, std::to_string(value),
          expected.empty() ? std::to_string(least) + " to " + std::to_string(most)
                           : std::string(expected));
}

/// Compared in the unit of the value, so that no conversion overflows.
template <typename Period>
void require_between(std::string_view field, std::chrono::duration<std::int64_t, Period> value,
                     std::type_identity_t<std::chrono::duration<std::int64_t, Period>> least,
                     std::type_identity_t<std::chrono::duration<std::int64_t, Period>> most,
                     std::string_view expected) {
  static_assert(std::is_same_v<Period, std::milli> || std::is_same_v<Period, std::micro>);
  constexpr std::string_view unit = std::is_same_v<Period, std::milli> ? " ms" : " us";
  if (value >= least && value <= most) return;
  require(false, field, std::to_string(value.count()) + std::string(unit), expected);
}

/// Enumerators count from 0 to `last`.
template <typename Enum>
requires std::is_enum_v<Enum>
void require_enumerator(std::string_view field, Enum value, Enum last, std::string_view expected) {
  using Number = std::underlying_type_t<Enum>;
  require(static_cast<Number>(value) <= static_cast<Number>(last), field,
          std::to_string(static_cast<std::int64_t>(value)), expected);
}

}  // namespace ferry
