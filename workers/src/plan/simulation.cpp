#include "plan/simulation.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <numbers>
#include <queue>
#include <random>
#include <utility>

#include "batching/flight_limit.hpp"

namespace ferry::detail {
namespace {

using Duration = std::chrono::nanoseconds;

Duration of_ms(double ms) { return Duration(static_cast<Duration::rep>(ms * 1e6)); }

/// Distributions of our own: those of the standard library differ from one to the next.
class Random {
 public:
  explicit Random(std::uint64_t seed) : bits_(seed) {}

  /// Returns: seconds to the next of so many events per second.
  double gap(double per_second) { return -std::log(uniform()) / per_second; }

  double lognormal(double sigma) {
    // Box and Muller, "A Note on the Generation of Random Normal Deviates" (1958).
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return std::exp(sigma * radius * std::cos(2 * std::numbers::pi * uniform()));
  }

 private:
  /// In (0, 1].
  double uniform() { return (static_cast<double>(bits_() >> 11U) + 1) * 0x1.0p-53; }

  std::mt19937_64 bits_;
};

class Simulation {
 public:
  explicit Simulation(const SimulationSettings& settings)
      : settings_(settings),
        random_(settings.seed),
        batcher_(kinds_of(settings), settings.runners),
        limit_(settings.runners, largest_batch(settings), settings.most_held) {
    result_.counted_from = settings.warm_up;
    result_.counted_to = settings.warm_up + settings.duration;
  }

  SimulationResult run() {
    for (std::uint32_t i = 0; i < settings_.streams.size(); ++i) {
      const SimulatedStream& stream = settings_.streams[i];
      for (std::size_t job = 0; job < stream.backlog; ++job) {
        jobs_.push_back({-stream.backlog_age, i});
        put_in_redis(jobs_.size() - 1);
      }
      for (std::size_t job = 0; job < stream.closed_loop; ++job) enqueue(i);
      if (stream.closed_loop == 0) plan_arrival(i);
    }
    // A first fetch does not know yet how many jobs an envelope holds: it brings all that may be
    // held in one reply, and none leaves before all have been read.
    fetch();
    let_leave();
    while (step()) {
    }
    if (const BudgetRule* rule = batcher_.rule(0)) {
      result_.last_dial = rule->dial();
      result_.last_own_dial = rule->own_dial();
    }
    return std::move(result_);
  }

 private:
  struct Job {
    Duration enqueued;
    std::uint32_t stream;
  };
  struct Run {
    Departure departure;
    Duration started;
    Duration took;
  };
  /// A moment and what happens then: an arrival of a stream, or the end of a run.
  using Event = std::pair<Duration, std::uint64_t>;
  using Events = std::priority_queue<Event, std::vector<Event>, std::greater<>>;

  static std::vector<KindSettings> kinds_of(const SimulationSettings& settings) {
    std::vector<KindSettings> kinds;
    for (const Policy& policy : settings.policies) kinds.push_back({policy, 0, false});
    return kinds;
  }

  static std::size_t largest_batch(const SimulationSettings& settings) {
    return std::ranges::max(settings.policies, {}, &Policy::max_jobs).max_jobs;
  }

  /// Far from zero, where ages would make times negative.
  static Time at(Duration since_start) { return Time{} + std::chrono::hours{1000} + since_start; }

  Duration budget_of(const SimulatedStream& stream) const {
    return stream.budget.count() > 0 ? stream.budget
                                     : Duration(settings_.policies[stream.kind].budget);
  }

  void plan_arrival(std::uint32_t stream) {
    if (settings_.streams[stream].per_second <= 0) return;
    const double factor = settings_.rate_factor ? settings_.rate_factor(now_) : 1;
    const double gap = random_.gap(settings_.streams[stream].per_second * factor);
    const Duration next = now_ + of_ms(gap * 1e3);
    if (next < result_.counted_to) arrivals_.push({next, stream});
  }

  bool step() {
    const auto due = batcher_.due();
    Duration next = Duration::max();
    if (!arrivals_.empty()) next = arrivals_.top().first;
    if (!ends_.empty()) next = std::min(next, ends_.top().first);
    if (!postponed_.empty()) next = std::min(next, postponed_.top().first);
    if (due) next = std::min(next, std::max(now_, *due - at(Duration{0})));
    if (next == Duration::max()) return false;
    now_ = next;
    while (!ends_.empty() && ends_.top().first <= now_) end_run();
    while (!arrivals_.empty() && arrivals_.top().first <= now_) {
      const auto stream = static_cast<std::uint32_t>(arrivals_.top().second);
      arrivals_.pop();
      enqueue(stream);
      plan_arrival(stream);
    }
    while (!postponed_.empty() && postponed_.top().first <= now_) come_back();
    let_leave();
    return true;
  }

  void enqueue(std::uint32_t stream) {
    jobs_.push_back({now_, stream});
    put_in_redis(jobs_.size() - 1);
    fetch();
  }

  void come_back() {
    put_in_redis(postponed_.top().second);
    postponed_.pop();
    fetch();
  }

  void put_in_redis(std::size_t job) {
    const Priority priority = settings_.streams[jobs_[job].stream].priority;
    in_redis_[static_cast<std::size_t>(priority)].push_back(job);
  }

  void fetch() {
    const std::size_t most_held = limit_.limit(at(now_));
    while (held_ < most_held) {
      const auto first = std::ranges::find_if_not(in_redis_, &std::deque<std::size_t>::empty);
      if (first == in_redis_.end()) return;
      const std::size_t job = first->front();
      first->pop_front();
      const SimulatedStream& stream = settings_.streams[jobs_[job].stream];
      const Duration age = now_ - jobs_[job].enqueued;
      if (settings_.expire && age > budget_of(stream)) {
        drop(job);
        continue;
      }
      const Time expires =
          settings_.expire ? at(jobs_[job].enqueued + budget_of(stream)) : Time::max();
      batcher_.arrive({stream.kind,
                       "",
                       {job, 0},
                       100,
                       static_cast<std::uint8_t>(stream.priority),
                       Suspect::no,
                       at(now_),
                       1,
                       age,
                       stream.budget,
                       expires});
      ++held_;
      result_.most_held = std::max(result_.most_held, held_);
    }
  }

  void drop(std::size_t job) {
    result_.jobs.push_back(
        {jobs_[job].enqueued, now_ - jobs_[job].enqueued, jobs_[job].stream, true});
  }

  /// Takes out what the worker would drop instead of running it.
  void drop_expired(Departure& departure) {
    held_ -= std::erase_if(departure.jobs, [&](const JobRef& ref) {
      const Job& job = jobs_[ref.token];
      const bool spent = now_ > job.enqueued + budget_of(settings_.streams[job.stream]);
      if (!departure.shed && !(settings_.expire && spent)) return false;
      drop(ref.token);
      return true;
    });
  }

  void let_leave() {
    while (auto departure = batcher_.next(at(now_))) start(std::move(*departure));
  }

  void postpone(const Departure& departure) {
    for (const JobRef& ref : departure.jobs) {
      postponed_.push({now_ + departure.postponed_for, ref.token});
    }
    result_.postponed += departure.jobs.size();
    held_ -= departure.jobs.size();
    batcher_.runner_free(departure.kind, Suspect::no);
    fetch();
  }

  void start(Departure departure) {
    if (departure.postponed_for.count() > 0) return postpone(departure);
    if (departure.late) drop_expired(departure);
    if (departure.jobs.empty()) {
      batcher_.runner_free(departure.kind, Suspect::no);
      return fetch();
    }
    const auto size = static_cast<double>(departure.jobs.size());
    const double factor = settings_.cost_factor ? settings_.cost_factor(now_) : 1;
    const double ms = factor * (settings_.cost.fixed_ms + settings_.cost.per_job_ms * size) *
                      random_.lognormal(settings_.cost.sigma);
    if (now_ >= result_.counted_from && now_ < result_.counted_to) {
      result_.worker_ms += ms;
      ++result_.batches;
      result_.jobs_in_batches += departure.jobs.size();
      ++result_.left_for[static_cast<std::size_t>(departure.reason)];
    }
    ends_.push({now_ + of_ms(ms), runs_.size()});
    runs_.push_back({std::move(departure), now_, of_ms(ms)});
  }

  void end_run() {
    Run& run = runs_[ends_.top().second];
    ends_.pop();
    BudgetReport report{
        run.departure.jobs.size(), run.took, at(run.started), at(now_), run.departure.late, {}, {}};
    for (const JobRef& ref : run.departure.jobs) {
      const Job job = jobs_[ref.token];
      const SimulatedStream& stream = settings_.streams[job.stream];
      BudgetReport::Count& count = stream.budget.count() > 0 ? report.own : report.usual;
      ++count.jobs;
      if (now_ - job.enqueued > budget_of(stream)) ++count.over_budget;
      result_.jobs.push_back({job.enqueued, now_ - job.enqueued, job.stream, false});
    }
    batcher_.runner_free(run.departure.kind, Suspect::no);
    batcher_.ran(run.departure.kind, report);
    limit_.on_settled(run.departure.jobs.size(), at(now_));
    held_ -= run.departure.jobs.size();
    const std::vector<JobRef> ended = std::exchange(run.departure.jobs, {});
    for (const JobRef& ref : ended) {
      const std::uint32_t stream = jobs_[ref.token].stream;
      if (settings_.streams[stream].closed_loop > 0 && now_ < result_.counted_to) enqueue(stream);
    }
    fetch();
  }

  const SimulationSettings& settings_;
  Random random_;
  Batcher batcher_;
  FlightLimit limit_;
  Duration now_{0};
  std::vector<Job> jobs_;
  std::vector<Run> runs_;
  std::array<std::deque<std::size_t>, priority_count> in_redis_;
  std::size_t held_ = 0;
  Events arrivals_;
  Events ends_;
  Events postponed_;
  SimulationResult result_;
};

}  // namespace

double SimulationResult::worker_ms_per_job() const {
  return worker_ms / static_cast<double>(jobs_in_batches);
}

double SimulationResult::mean_batch() const {
  return static_cast<double>(jobs_in_batches) / static_cast<double>(batches);
}

double SimulationResult::latency_ms(double q, std::uint32_t stream) const {
  std::vector<double> list;
  for (const SimulatedJob& job : jobs) {
    if (job.stream == stream && job.enqueued >= counted_from && !job.dropped) {
      list.push_back(static_cast<double>(job.latency.count()) / 1e6);
    }
  }
  if (list.empty()) return 0;
  const auto rank = static_cast<std::size_t>(q * static_cast<double>(list.size() - 1));
  std::ranges::nth_element(list, list.begin() + static_cast<std::ptrdiff_t>(rank));
  return list[rank];
}

double SimulationResult::late_share(Duration budget, std::uint32_t stream) const {
  std::size_t all = 0;
  std::size_t late = 0;
  for (const SimulatedJob& job : jobs) {
    if (job.stream != stream || job.enqueued < counted_from) continue;
    ++all;
    if (job.dropped || job.latency > budget) ++late;
  }
  return all == 0 ? 0 : static_cast<double>(late) / static_cast<double>(all);
}

double SimulationResult::goodput(Duration budget, Duration from, Duration to) const {
  const auto good = std::ranges::count_if(jobs, [&](const SimulatedJob& job) {
    const Duration end = job.enqueued + job.latency;
    return !job.dropped && job.latency <= budget && end >= from && end < to;
  });
  return static_cast<double>(good) / std::chrono::duration<double>(to - from).count();
}

SimulationResult simulate(const SimulationSettings& settings) { return Simulation(settings).run(); }

}  // namespace ferry::detail
