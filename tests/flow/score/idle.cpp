#include "flow/score/idle.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

namespace ferry::flow {
namespace {

struct Span {
  Moment first = Moment::max();
  Moment last = Moment::min();
  std::uint32_t jobs = 0;

  void add(Moment ready) {
    first = std::min(first, ready);
    last = std::max(last, ready);
    ++jobs;
  }
};

/// One step of the sweep over time.
struct Change {
  Moment at;
  std::uint32_t kind;
  std::uint32_t worker;
  int busy;     ///< calls of that kind in that worker
  int waiting;  ///< calls of that kind that may begin
};

/// Calls begin where the handler came free, when that was less than `turnaround` before.
void close_gaps(std::vector<DueCall>& calls, Moment turnaround) {
  std::ranges::sort(calls, {}, [](const DueCall& due) { return due.call.begin; });
  std::map<std::uint32_t, std::multimap<Moment, int>> free_since;  // by worker
  for (DueCall& due : calls) {
    auto& free = free_since[due.call.worker];
    const auto later = free.upper_bound(due.call.begin);
    if (later != free.begin()) {
      const auto last = std::prev(later);
      if (due.call.begin - last->first < turnaround) due.call.begin = last->first;
      free.erase(last);
    }
    free.emplace(due.call.end, 0);
  }
}

class Sweep {
 public:
  explicit Sweep(const IdleQuestion& question)
      : question_(question), idle_(question.workers.begin(), question.workers.end()) {
    waiting_.resize(question.kinds.size());
    for (const OracleKind& kind : question.kinds) {
      auto& row = may_run_.emplace_back();
      for (const std::size_t handlers : question.workers) {
        row.push_back(static_cast<int>(
            kind.concurrency == 0 ? handlers : std::min(handlers, kind.concurrency)));
      }
    }
  }

  IdleTime over(std::vector<Change> changes) {
    std::ranges::sort(changes, {}, &Change::at);
    Moment at = question_.from;
    for (const Change& change : changes) {
      const Moment until = std::clamp(change.at, at, std::max(at, question_.to));
      if (until > at) add(until - at);
      at = until;
      apply(change);
    }
    if (question_.to > at) add(question_.to - at);
    std::size_t handlers = 0;
    for (const std::size_t each : question_.workers) handlers += each;
    const double all = static_cast<double>(handlers) * seconds_of(question_.to - question_.from);
    return all > 0 ? IdleTime{busy_ / all, wasted_ / all} : IdleTime{};
  }

 private:
  void apply(const Change& change) {
    waiting_[change.kind] += change.waiting;
    waiting_calls_ += change.waiting;
    idle_[change.worker] -= change.busy;
    may_run_[change.kind][change.worker] -= change.busy;
    busy_calls_ += change.busy;
  }

  void add(Moment length) {
    busy_ += seconds_of(length) * busy_calls_;
    if (waiting_calls_ == 0) return;
    wasted_ += seconds_of(length) * could_begin(waiting_, idle_, may_run_);
  }

  const IdleQuestion& question_;
  std::vector<int> idle_;
  std::vector<int> waiting_;
  std::vector<std::vector<int>> may_run_;
  int waiting_calls_ = 0;
  int busy_calls_ = 0;
  double busy_ = 0;
  double wasted_ = 0;
};

}  // namespace

std::vector<DueCall> due_calls(const Trace& trace, std::span<const OracleKind> kinds, Moment to) {
  std::vector<Span> spans(trace.calls.size());
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint8_t>, std::vector<Moment>> left;
  for (const TracedJob& job : trace.jobs) {
    if (job.call != no_call) {
      spans[job.call].add(job.ready);
    } else if (job.ready < to) {
      left[{job.kind, job.key, job.priority}].push_back(job.ready);
    }
  }
  std::vector<DueCall> all;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].jobs == 0) continue;
    const OracleKind& kind = kinds[trace.calls[i].kind];
    all.push_back({trace.calls[i], allowed_at(kind, spans[i].jobs, spans[i].first, spans[i].last)});
  }
  for (auto& [lane, ready] : left) {
    const OracleKind& kind = kinds[std::get<0>(lane)];
    const std::size_t most = kind.per_job ? 1 : kind.policy.max_jobs;
    std::ranges::sort(ready);
    for (std::size_t i = 0; i < ready.size(); i += most) {
      const std::size_t jobs = std::min(most, ready.size() - i);
      const Moment allowed = allowed_at(kind, jobs, ready[i], ready[i + jobs - 1]);
      all.push_back({{0, std::get<0>(lane), static_cast<std::uint32_t>(jobs), to, to}, allowed});
    }
  }
  return all;
}

IdleTime idle_time(const IdleQuestion& question, std::vector<DueCall> calls) {
  if (question.turnaround.count() > 0) close_gaps(calls, question.turnaround);
  std::vector<Change> changes;
  changes.reserve(4 * calls.size());
  for (const DueCall& due : calls) {
    const Call& call = due.call;
    changes.push_back({call.begin, call.kind, call.worker, 1, 0});
    changes.push_back({call.end, call.kind, call.worker, -1, 0});
    const Moment counts_from = due.allowed + question.waited;
    if (counts_from >= call.begin) continue;
    changes.push_back({counts_from, call.kind, call.worker, 0, 1});
    changes.push_back({call.begin, call.kind, call.worker, 0, -1});
  }
  return Sweep(question).over(std::move(changes));
}

int could_begin(std::vector<int> waiting, std::vector<int> idle,
                std::vector<std::vector<int>> may_run) {
  const std::size_t kinds = waiting.size();
  const std::size_t workers = idle.size();
  std::vector<std::vector<int>> flow(kinds, std::vector<int>(workers));
  int begun = 0;
  std::vector<bool> seen;
  // Finds one more call a place, others moving over where they may.
  const std::function<bool(std::size_t)> place = [&](std::size_t kind) {
    for (std::size_t worker = 0; worker < workers; ++worker) {
      if (may_run[kind][worker] <= 0 || seen[worker]) continue;
      seen[worker] = true;
      bool room = idle[worker] > 0;
      if (room) --idle[worker];
      for (std::size_t other = 0; other < kinds && !room; ++other) {
        if (flow[other][worker] == 0 || !place(other)) continue;
        --flow[other][worker];
        ++may_run[other][worker];
        room = true;
      }
      if (!room) continue;
      --may_run[kind][worker];
      ++flow[kind][worker];
      return true;
    }
    return false;
  };
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    while (waiting[kind] > 0) {
      seen.assign(workers, false);
      if (!place(kind)) break;
      --waiting[kind];
      ++begun;
    }
  }
  return begun;
}

}  // namespace ferry::flow
