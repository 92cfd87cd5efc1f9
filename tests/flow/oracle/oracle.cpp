#include "flow/oracle/oracle.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <numeric>
#include <queue>
#include <set>
#include <tuple>

namespace ferry::flow {
namespace {

Moment run_time(const OracleKind& kind, std::size_t jobs) {
  return kind.call_takes + kind.job_takes * static_cast<Moment::rep>(jobs);
}

class Oracle {
 public:
  Oracle(const OracleSettings& settings, std::vector<TracedJob> jobs)
      : settings_(settings), idle_(settings.workers), served_(settings.queue_weights.size()) {
    trace_.jobs = std::move(jobs);
    for (const OracleKind& kind : settings.kinds) {
      Kind& state = kinds_.emplace_back();
      for (const std::size_t handlers : settings.workers) {
        state.may_run.push_back(kind.concurrency == 0 ? handlers
                                                      : std::min(handlers, kind.concurrency));
      }
      state.held.resize(settings.workers.size());
    }
  }

  Trace run() {
    std::vector<std::uint32_t> order(trace_.jobs.size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::stable_sort(order, {}, [&](std::uint32_t i) { return trace_.jobs[i].ready; });
    std::size_t next = 0;
    while (true) {
      Moment now = next < order.size() ? trace_.jobs[order[next]].ready : Moment::max();
      if (!ends_.empty()) now = std::min(now, ends_.top().first);
      if (!timers_.empty()) now = std::min(now, timers_.begin()->first);
      if (now == Moment::max()) break;
      while (!ends_.empty() && ends_.top().first <= now) end_call();
      while (next < order.size() && trace_.jobs[order[next]].ready <= now)
        arrive(order[next++], now);
      while (!timers_.empty() && timers_.begin()->first <= now) {
        make_ready(timers_.begin()->second);
      }
      if (now > settings_.until) break;
      while (start_one(now)) {
      }
    }
    return std::move(trace_);
  }

 private:
  struct Lane {
    std::uint32_t kind = 0;
    std::uint8_t priority = 1;
    std::size_t worker = 0;  ///< who holds it, where jobs are dealt
    std::deque<std::uint32_t> jobs;
    Moment timer = Moment::max();
    bool ready = false;
  };
  /// What is ready, best first: priority, age of the first job, lane.
  using Ready = std::set<std::tuple<std::uint8_t, Moment, std::size_t>>;

  struct Kind {
    std::vector<std::size_t> may_run;  ///< calls more, by worker
    std::vector<std::size_t> held;     ///< jobs, by worker
    Ready ready;
  };

  const OracleKind& settings_of(const Lane& lane) const { return settings_.kinds[lane.kind]; }

  bool holds(const OracleKind& kind) const { return kind.policy.kind != PolicyKind::realtime; }

  std::size_t lane_of(const TracedJob& job) {
    const OracleKind& kind = settings_.kinds[job.kind];
    std::size_t worker = 0;
    if (settings_.dealt && holds(kind)) {
      const auto& held = kinds_[job.kind].held;
      worker = static_cast<std::size_t>(std::ranges::min_element(held) - held.begin());
    }
    const auto key = std::tuple(job.kind, job.key, job.priority, worker);
    const auto [at, is_new] = names_.try_emplace(key, lanes_.size());
    if (is_new) lanes_.push_back({job.kind, job.priority, worker, {}, Moment::max(), false});
    return at->second;
  }

  void arrive(std::uint32_t job, Moment now) {
    const std::size_t index = lane_of(trace_.jobs[job]);
    Lane& lane = lanes_[index];
    lane.jobs.push_back(job);
    ++kinds_[lane.kind].held[lane.worker];
    if (!lane.ready) place(index, now);
  }

  Moment ready_at(std::uint32_t job) const { return trace_.jobs[job].ready; }

  /// Decides whether a lane may leave now, or when it will.
  void place(std::size_t index, Moment now) {
    Lane& lane = lanes_[index];
    const OracleKind& kind = settings_of(lane);
    if (!holds(kind) || lane.jobs.size() >= kind.policy.max_jobs) return make_ready(index);
    const Moment first = ready_at(lane.jobs.front());
    const Moment at = allowed_at(kind, lane.jobs.size(), first, first, settings_.budget_part);
    if (at <= now) return make_ready(index);
    if (at == lane.timer) return;
    if (lane.timer != Moment::max()) timers_.erase({lane.timer, index});
    lane.timer = at;
    timers_.insert({at, index});
  }

  void make_ready(std::size_t index) {
    Lane& lane = lanes_[index];
    if (lane.timer != Moment::max()) timers_.erase({lane.timer, index});
    lane.timer = Moment::max();
    lane.ready = true;
    kinds_[lane.kind].ready.insert({lane.priority, ready_at(lane.jobs.front()), index});
  }

  void end_call() {
    const Call& call = trace_.calls[ends_.top().second];
    ends_.pop();
    ++idle_[call.worker];
    ++kinds_[call.kind].may_run[call.worker];
  }

  /// Returns: the worker with the most idle handlers that may run the kind; none = their number.
  std::size_t worker_for(const Kind& kind) const {
    std::size_t best = idle_.size();
    for (std::size_t i = 0; i < idle_.size(); ++i) {
      if (idle_[i] == 0 || kind.may_run[i] == 0) continue;
      if (best == idle_.size() || idle_[i] > idle_[best]) best = i;
    }
    return best;
  }

  bool start_one(Moment now) {
    std::size_t best = kinds_.size();
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      if (kinds_[i].ready.empty() || worker_for(kinds_[i]) == idle_.size()) continue;
      if (best == kinds_.size() || goes_first(i, best)) best = i;
    }
    if (best == kinds_.size()) return false;
    start(std::get<2>(*kinds_[best].ready.begin()), worker_for(kinds_[best]), now);
    return true;
  }

  /// Between queues the one that had fewer jobs for its weight; within one priority, then age.
  bool goes_first(std::size_t a, std::size_t b) const {
    const auto& best_a = *kinds_[a].ready.begin();
    const auto& best_b = *kinds_[b].ready.begin();
    if (settings_.urgent_before_share && std::get<0>(best_a) != std::get<0>(best_b)) {
      return std::get<0>(best_a) < std::get<0>(best_b);
    }
    const std::uint32_t queue_a = settings_.kinds[a].queue;
    const std::uint32_t queue_b = settings_.kinds[b].queue;
    if (queue_a != queue_b) return served_[queue_a] < served_[queue_b];
    return best_a < best_b;
  }

  void start(std::size_t index, std::size_t worker, Moment now) {
    Lane& lane = lanes_[index];
    Kind& kind = kinds_[lane.kind];
    const OracleKind& settings = settings_of(lane);
    kind.ready.erase({lane.priority, ready_at(lane.jobs.front()), index});
    lane.ready = false;
    const std::size_t jobs =
        std::min(lane.jobs.size(), settings.per_job ? 1 : settings.policy.max_jobs);
    const auto number = static_cast<std::uint32_t>(trace_.calls.size());
    const Moment end = now + run_time(settings, jobs);
    trace_.calls.push_back({static_cast<std::uint32_t>(worker), lane.kind,
                            static_cast<std::uint32_t>(jobs), now, end});
    for (std::size_t i = 0; i < jobs; ++i) {
      trace_.jobs[lane.jobs.front()].call = number;
      lane.jobs.pop_front();
    }
    kind.held[lane.worker] -= jobs;
    --kind.may_run[worker];
    --idle_[worker];
    ends_.push({end, number});
    serve(settings.queue, jobs);
    if (!lane.jobs.empty()) place(index, now);
  }

  /// A queue that had nothing to do for long does not get all of it back later.
  void serve(std::uint32_t queue, std::size_t jobs) {
    double least = served_[queue];
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      if (!kinds_[i].ready.empty()) least = std::min(least, served_[settings_.kinds[i].queue]);
    }
    served_[queue] += static_cast<double>(jobs) / settings_.queue_weights[queue];
    for (double& served : served_) served = std::max(served, least);
  }

  const OracleSettings& settings_;
  Trace trace_;
  std::vector<Kind> kinds_;
  std::vector<Lane> lanes_;
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint8_t, std::size_t>, std::size_t> names_;
  std::set<std::pair<Moment, std::size_t>> timers_;
  using End = std::pair<Moment, std::uint32_t>;
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  std::vector<std::size_t> idle_;
  std::vector<double> served_;  ///< jobs for each unit of weight, by queue
};

}  // namespace

Moment allowed_at(const OracleKind& kind, std::size_t jobs, Moment first, Moment last,
                  double budget_part) {
  const Moment full = jobs >= kind.policy.max_jobs ? last : Moment::max();
  switch (kind.policy.kind) {
    case PolicyKind::realtime:
      return first;
    case PolicyKind::fixed:
      return std::min(full, first + kind.policy.linger);
    case PolicyKind::latency_budget:
      break;
  }
  const auto budget = Moment{static_cast<Moment::rep>(
      budget_part * static_cast<double>(Moment(kind.policy.budget).count()))};
  // A job that joins makes the run longer, and so may find the last moment gone by.
  const auto latest = [&](std::size_t n) {
    return std::max(first, first + budget - run_time(kind, n));
  };
  return std::min({full, std::max(latest(jobs), last), latest(1)});
}

Trace run_oracle(const OracleSettings& settings, std::vector<TracedJob> jobs) {
  return Oracle(settings, std::move(jobs)).run();
}

OracleSettings oracle_settings_of(const Mix& mix) {
  OracleSettings settings;
  for (const MixKind& kind : mix.kinds) {
    settings.kinds.push_back({kind.policy, kind.per_job, kind.concurrency,
                              static_cast<std::uint32_t>(kind.queue), kind.call_takes,
                              kind.job_takes});
  }
  for (const MixWorker& worker : mix.workers) settings.workers.push_back(worker.concurrency);
  settings.queue_weights = mix.queue_weights;
  return settings;
}

}  // namespace ferry::flow
