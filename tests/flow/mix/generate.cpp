#include "flow/mix/generate.hpp"

#include <algorithm>

#include "flow/mix/dice.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds length = 10s;
/// What two shared cores can enqueue and run beside everything else.
constexpr double most_jobs_a_second = 2500;
constexpr double most_bytes_a_second = 8e6;
constexpr double most_short_load = 0.2;
/// What a job costs a worker besides its handler, for kinds that do nothing.
constexpr double least_seconds_a_job = 20e-6;
/// A kind at its own limit is busy for this part of the time at most, so that nothing piles up.
constexpr double most_own_load = 0.7;
constexpr microseconds longest_call = 1s;
constexpr int rounds = 4;
/// Policies bound a batch by bytes as well, of which the oracle knows nothing.
constexpr std::size_t most_batch_bytes = 8 * 1024 * 1024;

void draw_times(MixKind& kind, bool first, Dice& dice) {
  // At least one kind is slow, so that it keeps handlers busy but no processor.
  kind.job_takes = first ? dice.pick<microseconds>({5ms, 50ms, 500ms})
                         : dice.pick<microseconds>({0us, 50us, 1ms, 5ms, 50ms, 500ms});
  kind.per_job = dice.chance(50);
  if (!kind.per_job) kind.call_takes = dice.pick<microseconds>({0us, 50us, 1ms, 5ms, 50ms});
  kind.spins = kind.job_takes + kind.call_takes < 1ms && dice.chance(50);
}

Policy draw_policy(const MixKind& kind, Dice& dice) {
  std::size_t size = dice.pick<std::size_t>({2, 5, 10, 50, 100, 500});
  if (kind.job_takes > 0us) {
    size = std::min(size, static_cast<std::size_t>(longest_call / kind.job_takes));
  }
  switch (dice.below(3)) {
    case 0:
      return realtime(size);
    case 1:
      return fixed(size, dice.pick<microseconds>({5ms, 50ms, 200ms, 1s}));
    default:
      break;
  }
  const microseconds call = kind.call_takes + kind.job_takes;
  return latency_budget(
      std::max<microseconds>(dice.pick<microseconds>({50ms, 200ms, 1s}), 4 * call), size);
}

void draw_form(MixKind& kind, Dice& dice) {
  if (dice.chance(40)) kind.batch_keys = dice.pick<std::size_t>({10, 1000});
  kind.zipf = kind.batch_keys > 10 && dice.chance(30);
  kind.payload_bytes = dice.pick<std::size_t>({100, 100, 1024, 16 * 1024, 256 * 1024});
  kind.repetitive = dice.chance(30);
  if (kind.repetitive) kind.compress_from_bytes = 1024;
  if (dice.chance(30)) kind.high_percent = dice.pick<std::size_t>({10, 50, 100});
  if (kind.high_percent < 100 && dice.chance(30)) kind.low_percent = 30;
  if (dice.chance(25)) {
    kind.delayed_percent = dice.pick<std::size_t>({10, 50});
    kind.delay = dice.pick<milliseconds>({50ms, 300ms, 1500ms});
  }
}

void draw_arrivals(MixKind& kind, Dice& dice) {
  kind.arrivals = dice.pick({Arrivals::steady, Arrivals::steady, Arrivals::bursts, Arrivals::bulk});
  kind.portion = dice.pick<std::size_t>({1, 1, 10, 50});
  kind.envelope_jobs = dice.pick<std::size_t>({1, 16, 256, 256});
  if (kind.arrivals == Arrivals::bulk) kind.from = milliseconds{dice.between(0, 5000)};
}

/// Returns: the highest rate that a kind may have, even where the handlers could take more.
double rate_bound(const MixKind& kind, const Mix& mix, std::size_t short_kinds) {
  const auto kinds = static_cast<double>(mix.kinds.size());
  const double job = seconds_a_job(kind, mix.workers.size());
  double bound = std::min(most_jobs_a_second / kinds,
                          most_bytes_a_second / kinds / static_cast<double>(kind.payload_bytes));
  if (job < 1e-3) {
    bound = std::min(bound, most_short_load / static_cast<double>(short_kinds) /
                                std::max(job, least_seconds_a_job));
  }
  if (kind.concurrency > 0 && job > 0) {
    std::size_t own = 0;
    for (const MixWorker& worker : mix.workers) {
      own += std::min(worker.concurrency, kind.concurrency);
    }
    bound = std::min(bound, most_own_load * static_cast<double>(own) / job);
  }
  return bound;
}

void give_rates(Mix& mix, double load, Dice& dice) {
  std::vector<double> shares;
  for (std::size_t i = 0; i < mix.kinds.size(); ++i) shares.push_back(0.2 + dice.share());
  const double all = load * static_cast<double>(mix.handlers());
  for (int round = 0; round < rounds; ++round) {
    std::size_t short_kinds = 0;
    for (const MixKind& kind : mix.kinds) {
      short_kinds += seconds_a_job(kind, mix.workers.size()) < 1e-3 ? 1 : 0;
    }
    double left = all;
    double shares_left = 0;
    std::vector<bool> bounded(mix.kinds.size());
    // Those that may not have their share leave it to the others.
    for (std::size_t i = 0; i < mix.kinds.size(); ++i) shares_left += shares[i];
    for (std::size_t turn = 0; turn < mix.kinds.size(); ++turn) {
      for (std::size_t i = 0; i < mix.kinds.size(); ++i) {
        if (bounded[i]) continue;
        MixKind& kind = mix.kinds[i];
        const double job = seconds_a_job(kind, mix.workers.size());
        const double bound = rate_bound(kind, mix, short_kinds);
        const double wanted = job > 0 ? left * shares[i] / shares_left / job : bound;
        kind.per_second = std::min(wanted, bound);
        if (wanted < bound) continue;
        bounded[i] = true;
        left = std::max(0.0, left - kind.per_second * job);
        shares_left -= shares[i];
      }
    }
  }
  for (MixKind& kind : mix.kinds) {
    kind.jobs = std::max<std::size_t>(
        5, static_cast<std::size_t>(kind.per_second * static_cast<double>(length.count()) / 1e3));
  }
}

Mix draw(Dice& dice) {
  Mix mix;
  mix.length = length;
  mix.queue_weights.clear();
  for (std::size_t i = dice.between(1, 4); i > 0; --i) {
    mix.queue_weights.push_back(dice.pick({1, 1, 3, 10}));
  }
  mix.workers.clear();
  for (std::size_t i = dice.between(1, 4); i > 0; --i) {
    mix.workers.push_back({dice.between(1, 8), 0ms});
  }
  for (std::size_t i = 0, kinds = dice.between(1, most_kinds); i < kinds; ++i) {
    MixKind& kind = mix.kinds.emplace_back();
    draw_times(kind, i == 0, dice);
    if (!kind.per_job) kind.policy = draw_policy(kind, dice);
    draw_form(kind, dice);
    kind.policy.max_jobs = std::min(kind.policy.max_jobs, most_batch_bytes / kind.payload_bytes);
    draw_arrivals(kind, dice);
    kind.queue = dice.below(mix.queue_weights.size());
    if (i > 0 && dice.chance(30)) kind.concurrency = dice.between(1, 4);
  }
  const bool overloaded = dice.chance(16);
  give_rates(mix, overloaded ? 1.1 + 0.4 * dice.share() : 0.35 + 0.4 * dice.share(), dice);
  return mix;
}

bool is_wanted(const Mix& mix) {
  const double load = load_of(mix);
  const bool in_range = (load >= 0.3 && load <= 0.8) || (load >= 1.05 && load <= 1.6);
  return in_range && short_jobs_load(mix) <= most_short_load * 1.01;
}

}  // namespace

Mix generate(std::uint64_t seed) {
  Dice dice(seed);
  Mix mix = draw(dice);
  while (!is_wanted(mix)) mix = draw(dice);
  mix.name = "mix-" + std::to_string(seed);
  mix.seed = seed;
  return mix;
}

}  // namespace ferry::flow
