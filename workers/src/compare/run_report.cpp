#include "compare/run_report.hpp"

#include <algorithm>

namespace ferry::compare {

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

std::vector<PolicyRow> rows_of(const std::vector<RunReport>& runs,
                               const std::vector<std::string>& policies) {
  std::vector<PolicyRow> rows;
  for (const std::string& policy : policies) {
    std::vector<const RunReport*> mine;
    for (const RunReport& run : runs) {
      if (run.policy == policy) mine.push_back(&run);
    }
    const auto spread = [&](auto figure) {
      std::vector<double> values;
      for (const RunReport* run : mine) values.push_back(figure(*run));
      return spread_of(std::move(values));
    };
    const auto per_job = [&](double RunReport::*total) {
      return spread([total](const RunReport& run) { return run.per_job(run.*total); });
    };
    rows.push_back({.policy = policy,
                    .repetitions = mine.size(),
                    .jobs_per_second = spread([](auto& run) { return run.jobs_per_second(); }),
                    .p50 = spread([](auto& run) { return run.p50; }),
                    .p99 = spread([](auto& run) { return run.p99; }),
                    .mean_batch = spread([](auto& run) { return run.mean_batch; }),
                    .redis_commands = per_job(&RunReport::redis_commands),
                    .round_trips = per_job(&RunReport::round_trips),
                    .producer_cpu = per_job(&RunReport::producer_cpu),
                    .redis_cpu = per_job(&RunReport::redis_cpu),
                    .worker_cpu = per_job(&RunReport::worker_cpu)});
  }
  return rows;
}

}  // namespace ferry::compare
