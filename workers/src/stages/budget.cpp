#include "stages/budget.hpp"

namespace ferry::detail {

std::shared_ptr<const BudgetReport> budget_report(const Run& run, const Policy& policy,
                                                  std::size_t jobs, const BudgetClock& clock) {
  if (policy.kind != PolicyKind::latency_budget || jobs == 0) return nullptr;
  auto report = std::make_shared<BudgetReport>();
  report->jobs = jobs;
  report->took = clock.now - run.started;
  report->started = run.started;
  report->ended = clock.now;
  report->late = run.late || run.suspect != Suspect::no;
  const auto settling = std::chrono::duration_cast<std::chrono::microseconds>(clock.settling);
  const std::uint64_t settled_us = clock.wall_us + static_cast<std::uint64_t>(settling.count());
  for (const Run::Place& place : run.places) {
    const wire::StoredJob& job = place.envelope->stored.jobs[place.index];
    const int own_ms = job.extras == nullptr ? 0 : job.extras->latency_budget_ms;
    const auto budget_us =
        static_cast<std::uint64_t>(own_ms > 0 ? own_ms * 1000LL : policy.budget.count());
    BudgetReport::Count& count = own_ms > 0 ? report->own : report->usual;
    ++count.jobs;
    if (settled_us > job.enqueued_us + budget_us) ++count.over_budget;
  }
  return report;
}

Report take_expired(Run& run, std::uint64_t now_ms) {
  Report report;
  std::erase_if(run.places, [&](const Run::Place& place) {
    const wire::Extras* extras = place.envelope->stored.jobs[place.index].extras;
    const bool expired =
        extras != nullptr && extras->expires_at_ms != 0 && extras->expires_at_ms <= now_ms;
    if (!expired && !run.shed) return false;
    report.settlements.push_back({place.envelope, place.index, Verb::expired, 0});
    return true;
  });
  return report;
}

}  // namespace ferry::detail
