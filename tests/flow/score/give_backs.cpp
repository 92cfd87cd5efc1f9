#include "flow/score/give_backs.hpp"

#include <algorithm>
#include <tuple>

namespace ferry::flow {
namespace {

constexpr std::int64_t second_ms = 1000;

// FCALL ferry_v1_set_aside 2 <workers> <stream> <worker> <holder>, then entry and jobs of each.
constexpr std::size_t stream_at = 4;
constexpr std::size_t first_entry_at = 7;

}  // namespace

GiveBacks count_give_backs(std::vector<GivenBack> given_back) {
  std::ranges::sort(given_back, {},
                    [](const GivenBack& one) { return std::tuple(one.job, one.at_ms); });
  GiveBacks found;
  found.all = static_cast<std::int64_t>(given_back.size());
  std::size_t of_job = 0;     // where the job's begin
  std::size_t in_second = 0;  // and those less than a second ago
  for (std::size_t i = 0; i < given_back.size(); ++i) {
    if (given_back[i].job != given_back[of_job].job) of_job = in_second = i;
    while (given_back[i].at_ms - given_back[in_second].at_ms >= second_ms) ++in_second;
    found.most = std::max(found.most, static_cast<std::int64_t>(i - of_job + 1));
    found.most_in_a_second =
        std::max(found.most_in_a_second, static_cast<std::int64_t>(i - in_second + 1));
  }
  return found;
}

std::vector<SetAside> set_aside_by(std::span<const test::Traced> commands, std::int64_t& not_seen) {
  std::vector<SetAside> found;
  for (const test::Traced& command : commands) {
    if (!command.is_call_of("ferry_v1_set_aside")) continue;
    // The last word kept of a command that was cut says how many more there were.
    const bool cut = command.words.size() < command.size;
    const std::size_t kept = command.words.size() - (cut ? 1 : 0);
    for (std::size_t i = first_entry_at; i + 1 < command.size; i += 2) {
      if (i < kept) {
        found.push_back({command.words[stream_at], command.words[i], command.unix_s});
      } else {
        ++not_seen;
      }
    }
  }
  return found;
}

}  // namespace ferry::flow
