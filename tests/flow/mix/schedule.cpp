#include "flow/mix/schedule.hpp"

#include <algorithm>
#include <cmath>

#include "flow/mix/dice.hpp"

namespace ferry::flow {
namespace {

/// Draws keys: all alike, or the n-th key `1/n` times as often as the first.
class KeySource {
 public:
  KeySource(std::size_t keys, bool zipf) : keys_(keys) {
    if (!zipf) return;
    double sum = 0;
    for (std::size_t i = 1; i <= keys; ++i) {
      sum += 1.0 / static_cast<double>(i);
      sums_.push_back(sum);
    }
  }

  std::uint32_t next(Dice& dice) const {
    if (keys_ == 0) return 0;
    if (sums_.empty()) return static_cast<std::uint32_t>(1 + dice.below(keys_));
    const double at = dice.share() * sums_.back();
    const auto found = std::ranges::lower_bound(sums_, at);
    return static_cast<std::uint32_t>(1 + (found - sums_.begin()));
  }

 private:
  std::size_t keys_;
  std::vector<double> sums_;
};

Priority priority_of(const MixKind& kind, Dice& dice) {
  const std::size_t at = dice.below(100);
  if (at < kind.high_percent) return Priority::high;
  return at < kind.high_percent + kind.low_percent ? Priority::low : Priority::normal;
}

/// When the portions of a kind are handed over, and how many jobs each has.
struct Portion {
  Moment at;
  std::size_t jobs;
};

std::vector<Portion> portions_of(const MixKind& kind, Dice& dice) {
  std::vector<Portion> portions;
  Moment at = kind.from;
  if (kind.arrivals == Arrivals::bulk || kind.per_second <= 0) return {{at, kind.jobs}};
  std::size_t left = kind.jobs;
  const auto in_a_second =
      std::max<std::size_t>(1, static_cast<std::size_t>(std::llround(kind.per_second)));
  while (left > 0) {
    const bool bursts = kind.arrivals == Arrivals::bursts;
    const std::size_t jobs = std::min(left, bursts ? in_a_second : kind.portion);
    portions.push_back({at, jobs});
    left -= jobs;
    const double mean = static_cast<double>(jobs) / kind.per_second;
    at += of_seconds(bursts ? mean : dice.gap(mean));
  }
  return portions;
}

void add(std::uint32_t index, const MixKind& kind, std::uint64_t seed,
         std::vector<PlannedJob>& all) {
  // Dice of its own: another kind changes nothing for this one.
  Dice dice(seed * most_kinds + index + 1);
  const KeySource keys(kind.batch_keys, kind.zipf);
  std::uint32_t number = 0;
  for (const Portion& portion : portions_of(kind, dice)) {
    for (std::size_t i = 0; i < portion.jobs; ++i) {
      PlannedJob job{index, portion.at, Moment{0}, keys.next(dice), priority_of(kind, dice),
                     number};
      if (dice.chance(kind.delayed_percent)) job.due = job.at + kind.delay;
      if (kind.all_due_at.count() > 0) job.due = kind.all_due_at;
      all.push_back(job);
    }
    ++number;
  }
}

}  // namespace

std::vector<PlannedJob> schedule_of(const Mix& mix) {
  std::vector<PlannedJob> all;
  all.reserve(mix.jobs());
  for (std::uint32_t i = 0; i < mix.kinds.size(); ++i) add(i, mix.kinds[i], mix.seed, all);
  std::ranges::stable_sort(all, {}, &PlannedJob::at);
  return all;
}

}  // namespace ferry::flow
