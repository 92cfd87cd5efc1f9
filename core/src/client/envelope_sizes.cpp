#include "client/envelope_sizes.hpp"

#include <algorithm>

#include "redis/stream_id.hpp"

namespace ferry::detail {
namespace {

constexpr std::size_t most_jobs = 1000;
constexpr std::size_t most_kinds = 64;

}  // namespace

EnvelopeSizes::EnvelopeSizes(std::string hints) : hints_(std::move(hints)) {
  std::string_view rest = hints_;
  while (!rest.empty() && parts_.size() < most_kinds) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    const std::size_t equals = word.find('=');
    if (equals == 0 || equals == std::string_view::npos) continue;
    const auto jobs = redis::whole_number(word.substr(equals + 1));
    if (!jobs || *jobs < 1 || *jobs > most_jobs) continue;
    parts_.emplace_back(word.substr(0, equals), 1.0 / static_cast<double>(*jobs));
  }
  std::ranges::sort(parts_);
}

double EnvelopeSizes::part_of(std::string_view kind) const {
  const auto found =
      std::ranges::lower_bound(parts_, kind, {}, [](const auto& p) { return p.first; });
  return found == parts_.end() || found->first != kind ? 0 : found->second;
}

}  // namespace ferry::detail
