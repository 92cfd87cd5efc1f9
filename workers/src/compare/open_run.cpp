#include "compare/open_run.hpp"

#include <algorithm>
#include <set>

namespace ferry::compare {
namespace {

OpenRow row_of(const std::vector<const OpenRun*>& runs) {
  const auto spread = [&](auto figure) {
    std::vector<double> values;
    for (const OpenRun* run : runs) values.push_back(figure(*run));
    return spread_of(std::move(values));
  };
  const auto plain = [&](double OpenRun::*member) {
    return spread([member](const OpenRun& run) { return run.*member; });
  };
  const auto per_second = [&](double OpenRun::*member) {
    return spread([member](const OpenRun& run) { return run.*member / run.seconds; });
  };
  const auto per_job = [&](double OpenRun::*member) {
    return spread([member](const OpenRun& run) { return run.per_job(run.*member); });
  };
  OpenRow row;
  row.policy = runs.front()->policy;
  row.rate = runs.front()->rate;
  row.repetitions = runs.size();
  row.lagged = std::ranges::any_of(runs, [](auto* run) { return run->lagged; });
  row.unbalanced = std::ranges::any_of(runs, [](auto* run) { return !run->books.empty(); });
  const auto unsteady = std::ranges::count_if(runs, [](auto* run) { return !run->steady; });
  row.steady =
      static_cast<double>(unsteady) <= tolerated_unsteady * static_cast<double>(runs.size());
  row.offered = per_second(&OpenRun::offered);
  row.achieved = per_second(&OpenRun::done_in_time);
  row.goodput = per_second(&OpenRun::within_budget);
  row.p50 = plain(&OpenRun::p50);
  row.p90 = plain(&OpenRun::p90);
  row.p99 = plain(&OpenRun::p99);
  row.p999 = plain(&OpenRun::p999);
  row.mean = plain(&OpenRun::mean);
  row.shed = plain(&OpenRun::shed);
  row.retried = plain(&OpenRun::retried);
  row.mean_batch = plain(&OpenRun::mean_batch);
  row.worker_time = spread([](const OpenRun& run) { return run.per_job(run.worker_time()); });
  row.producer_cpu = per_job(&OpenRun::producer_cpu);
  row.redis_cpu = per_job(&OpenRun::redis_cpu);
  row.worker_cpu = per_job(&OpenRun::worker_cpu);
  row.redis_commands = per_job(&OpenRun::redis_commands);
  row.round_trips = per_job(&OpenRun::round_trips);
  row.bytes = per_job(&OpenRun::bytes);
  row.price = plain(&OpenRun::price);
  double done = 0;
  double batches = 0;
  for (const OpenRun* run : runs) {
    done += run->done;
    for (std::size_t i = 0; i < row.stages.size(); ++i) row.stages[i] += run->stages[i] * run->done;
    for (const auto& [reason, count] : run->left_for) {
      row.left_for[reason] += count;
      batches += count;
    }
  }
  for (double& stage : row.stages) stage = done > 0 ? stage / done : 0;
  for (auto& [reason, count] : row.left_for) count /= batches;
  return row;
}

}  // namespace

double OpenRun::stages_of_mean() const {
  double sum = 0;
  for (const double stage : stages) sum += stage;
  return mean > 0 ? sum / mean : 0;
}

std::vector<OpenRow> open_rows_of(const std::vector<OpenRun>& runs,
                                  const std::vector<std::string>& policies) {
  std::set<double> rates;
  for (const OpenRun& run : runs) rates.insert(run.rate);
  std::vector<OpenRow> rows;
  for (const std::string& policy : policies) {
    for (const double rate : rates) {
      std::vector<const OpenRun*> mine;
      for (const OpenRun& run : runs) {
        if (run.policy == policy && run.rate == rate) mine.push_back(&run);
      }
      if (!mine.empty()) rows.push_back(row_of(mine));
    }
  }
  return rows;
}

}  // namespace ferry::compare
