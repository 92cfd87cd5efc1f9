#include "pressure/envelope_size.hpp"

#include <algorithm>
#include <bit>

namespace ferry::detail {
namespace {

constexpr std::size_t most_kinds = 64;

void add_word(std::string& hints, std::size_t& kinds, std::string_view word) {
  if (kinds == most_kinds) return;
  ++kinds;
  if (!hints.empty()) hints += ' ';
  hints += word;
}

}  // namespace

std::uint32_t suited_size(const KindPace& pace, std::uint32_t before) {
  if (!pace.known()) return before;
  if (pace.is_fast()) return EnvelopeSize::any;
  const auto each = std::max<std::chrono::nanoseconds::rep>(1, pace.per_job().count());
  const double suits = static_cast<double>(std::chrono::nanoseconds(envelope_takes).count()) /
                       static_cast<double>(each);
  if (before != EnvelopeSize::unknown && before != EnvelopeSize::any) {
    const bool still_right = suits >= 0.7 * before && suits < 2.8 * before;
    if (still_right || (before == 1 && suits < 2.8)) return before;
  }
  return std::bit_floor(static_cast<std::uint32_t>(std::clamp(suits, 1.0, 64.0)));
}

std::string with_sizes(std::string_view stored, std::span<const EnvelopeSize> sizes) {
  std::string hints;
  std::size_t kinds = 0;
  for (const EnvelopeSize& size : sizes) {
    if (size.jobs == EnvelopeSize::unknown || size.jobs == EnvelopeSize::any) continue;
    add_word(hints, kinds, std::string(size.kind) + "=" + std::to_string(size.jobs));
  }
  while (!stored.empty()) {
    const std::string_view word = stored.substr(0, stored.find(' '));
    stored.remove_prefix(std::min(stored.size(), word.size() + 1));
    const std::string_view kind = word.substr(0, word.find('='));
    const bool ours = std::ranges::any_of(sizes, [&](const EnvelopeSize& size) {
      return size.kind == kind && size.jobs != EnvelopeSize::unknown;
    });
    if (!word.empty() && !ours) add_word(hints, kinds, word);
  }
  return hints;
}

}  // namespace ferry::detail
