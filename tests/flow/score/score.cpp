#include "flow/score/score.hpp"

#include <algorithm>

#include "flow/score/quantile.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

/// The sum over all kinds.
constexpr std::uint32_t every_kind = 0xffffffff;

bool is_of(std::uint32_t kind, std::uint32_t wanted) {
  return wanted == every_kind || kind == wanted;
}

KindScore compare(std::uint32_t kind, const Trace& real, std::span<const Trace> oracles,
                  Moment to) {
  KindScore score;
  score.kind = kind;
  const auto delays = delays_of(real, kind, to);
  score.jobs = delays.size();
  score.not_begun =
      static_cast<std::size_t>(std::ranges::count_if(real.jobs, [&](const TracedJob& job) {
        return is_of(job.kind, kind) && job.call == no_call;
      }));
  score.p50 = quantile(delays, 0.5);
  score.p99 = quantile(delays, 0.99);
  for (const Trace& oracle : oracles) {
    const auto best = delays_of(oracle, kind, to);
    score.oracle_p50 = std::max(score.oracle_p50, quantile(best, 0.5));
    score.oracle_p99 = std::max(score.oracle_p99, quantile(best, 0.99));
  }
  score.mean_batch = mean_batch(real, kind);
  score.oracle_mean_batch = mean_batch(oracles.front(), kind);
  return score;
}

Moment last_end(const Trace& trace) {
  Moment last{0};
  for (const Call& call : trace.calls) last = std::max(last, call.end);
  return last;
}

}  // namespace

const KindScore& Score::worst() const {
  return *std::ranges::max_element(kinds, {}, &KindScore::behind);
}

std::vector<Moment> delays_of(const Trace& trace, std::uint32_t kind, Moment to) {
  std::vector<Moment> delays;
  for (const TracedJob& job : trace.jobs) {
    if (!is_of(job.kind, kind) || (job.call == no_call && job.ready >= to)) continue;
    const Moment begin = job.call == no_call ? to : trace.calls[job.call].begin;
    delays.push_back(std::max(Moment{0}, begin - job.ready));
  }
  return delays;
}

double mean_batch(const Trace& trace, std::uint32_t kind) {
  double calls = 0;
  double jobs = 0;
  for (const Call& call : trace.calls) {
    if (!is_of(call.kind, kind)) continue;
    ++calls;
    jobs += call.jobs;
  }
  return calls > 0 ? jobs / calls : 0;
}

Score score_of(const Mix& mix, const Trace& real, std::span<const Trace> oracles, Moment to) {
  Score score;
  const OracleSettings settings = oracle_settings_of(mix);
  for (std::uint32_t kind = 0; kind < mix.kinds.size(); ++kind) {
    score.kinds.push_back(compare(kind, real, oracles, to));
  }
  score.all = compare(every_kind, real, oracles, to);

  IdleQuestion question{settings.workers, settings.kinds, Moment::max(), to};
  for (const TracedJob& job : real.jobs) question.from = std::min(question.from, job.ready);
  const auto due = due_calls(real, settings.kinds, to);
  score.idle = idle_time(question, due);
  question.turnaround = 1ms;
  score.idle_1ms = idle_time(question, due);
  question.turnaround = 0ms;
  question.to = std::min(to, last_end(oracles.front()));
  score.oracle_idle = idle_time(question, due_calls(oracles.front(), settings.kinds, question.to));
  return score;
}

}  // namespace ferry::flow
