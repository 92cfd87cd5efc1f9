#include "plan/levers.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace ferry::plan {
namespace {

/// Below that, nobody would change anything for it.
constexpr double least_part = 0.01;
/// What text takes after zstd; bench/questions/text.cpp measured at most that of log lines.
constexpr double compressed = 0.4;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

class Levers {
 public:
  Levers(const Sizer& sizer, const Sizing& now) : sizer_(sizer), now_(now) {}

  std::vector<Lever> list() {
    const LineKind kind = now_.bill.largest().kind;
    if (kind != LineKind::redis_memory) longer_budget();
    if (kind == LineKind::redis_memory) shorter_outage();
    if (kind == LineKind::redis_memory || kind == LineKind::traffic) compress();
    std::ranges::stable_sort(levers_, std::ranges::greater{}, &Lever::per_month);
    // A setting is cheaper to change than code, so these come last.
    if (kind == LineKind::redis_cpu) larger_envelopes(sizer_.measured().redis_cpu);
    if (kind == LineKind::producer_cpu) larger_envelopes(sizer_.measured().producer_cpu);
    if (kind == LineKind::worker_cpu) cheaper_handler();
    return std::move(levers_);
  }

 private:
  void add(std::string what, const Bill& with) {
    const Line& line = now_.bill.largest();
    const double part = 1 - with.of(line.kind) / line.per_month;
    if (part < least_part) return;
    levers_.push_back({std::move(what), part, now_.bill.per_month() - with.per_month()});
  }

  double at_now(const JobCost& cost) const {
    return cost.at(now_.worker.mean_batch, now_.per_second / static_cast<double>(now_.workers));
  }

  void longer_budget() {
    if (!sizer_.measured().sizes_differ) return;
    const double budget_ms = sizer_.question().budget_ms;
    const double longer_ms = std::min(1.6 * budget_ms, 3.6e6);
    const auto budget = std::chrono::microseconds(std::lround(longer_ms * 1e3));
    const Option option = sizer_.option(latency_budget(budget, 1000), now_.per_second, longer_ms);
    if (option.most_per_second <= 0) return;
    const Sizing sizing = sizer_.workers_for(option, now_.per_second);
    add("a budget of " + number(longer_ms) + " ms instead of " + number(budget_ms) + " ms",
        sizing.bill);
  }

  void shorter_outage() {
    add("room for half of the outage", sizer_.bill(now_, sizer_.question().outage_seconds / 2));
  }

  void compress() {
    const LineKind kind = now_.bill.largest().kind;
    Bill bill = now_.bill;
    bill.lines.at(static_cast<std::size_t>(kind)).per_month *= compressed;
    add("zstd in the client's options, if the payloads are text that shrinks to 40 %,", bill);
  }

  void larger_envelopes(const JobCost& cost) {
    const double left = cost.per_job / at_now(cost);
    const LineKind kind = now_.bill.largest().kind;
    Bill bill = now_.bill;
    bill.lines.at(static_cast<std::size_t>(kind)).per_month *= left;
    add("many jobs in each call (enqueue_all, or a linger of the client), at best,", bill);
  }

  void cheaper_handler() {
    constexpr double faster = 0.8;
    const JobCost& cost = sizer_.measured().worker_cpu;
    const double saved = (1 - faster) * cost.per_job / at_now(cost);
    Bill bill = now_.bill;
    bill.lines.at(static_cast<std::size_t>(LineKind::worker_cpu)).per_month *= 1 - saved;
    add("a handler that takes a fifth less for each job", bill);
  }

  const Sizer& sizer_;
  const Sizing& now_;
  std::vector<Lever> levers_;
};

}  // namespace

std::vector<Lever> levers_of(const Sizer& sizer, const Sizing& now) {
  return Levers(sizer, now).list();
}

}  // namespace ferry::plan
