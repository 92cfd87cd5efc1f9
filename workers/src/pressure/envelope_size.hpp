#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pressure/kind_pace.hpp"

namespace ferry::detail {

/// An envelope should take a handler about that long: it is the least that one worker takes.
inline constexpr std::chrono::milliseconds envelope_takes{100};

/// How many jobs of a kind an envelope should carry.
struct EnvelopeSize {
  /// Nothing is known of the kind; or it is so fast that producers should not care.
  static constexpr std::uint32_t unknown = 0;
  static constexpr std::uint32_t any = UINT32_MAX;

  std::string_view kind;
  std::uint32_t jobs = unknown;
};

/// `before`: what was told last. It stays while it is not far from right.
///
/// Returns: `unknown`, `any` or a power of two up to 64.
std::uint32_t suited_size(const KindPace& pace, std::uint32_t before);

/// Returns: hints as they are stored, with these kinds as they are now: first these, then others
/// that were there, as many as Redis takes.
/// Source: core/src/functions/hints.lua.
std::string with_sizes(std::string_view stored, std::span<const EnvelopeSize> sizes);

}  // namespace ferry::detail
