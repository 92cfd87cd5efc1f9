#include "plan/oracle.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace ferry::detail {
namespace {

constexpr double steps = 50;

struct Rule {
  double part = 0;
  bool by_linger = false;
};

/// One run over the arrivals, all in milliseconds: first come first served, whoever waits leaves.
class Trial {
 public:
  Trial(const OracleQuestion& question, const std::vector<double>& arrivals,
        const std::vector<double>& factors, Rule rule)
      : cost_(question.cost),
        budget_ms_(static_cast<double>(question.budget.count()) / 1e6),
        arrivals_(arrivals),
        factors_(factors),
        rule_(rule),
        free_at_(question.runners, 0.0) {}

  OracleAnswer run() {
    while (first_ < arrivals_.size()) leave();
    std::ranges::nth_element(latencies_, rank());
    const auto jobs = static_cast<double>(arrivals_.size());
    return {busy_ / jobs, *rank(), jobs / static_cast<double>(batches_), rule_.part,
            rule_.by_linger};
  }

 private:
  std::vector<double>::iterator rank() {
    return latencies_.begin() +
           static_cast<std::ptrdiff_t>(0.99 * static_cast<double>(latencies_.size() - 1));
  }

  double time_of(std::size_t jobs) const {
    return cost_.fixed_ms + cost_.per_job_ms * static_cast<double>(jobs);
  }

  /// When the batch leaves if so many wait and no more come.
  double due(std::size_t jobs) const {
    const double hold = rule_.part * budget_ms_;
    return arrivals_[first_] + (rule_.by_linger ? hold : hold - time_of(jobs));
  }

  void leave() {
    const auto runner = std::ranges::min_element(free_at_);
    std::size_t jobs = 1;
    double at = 0;
    while (true) {
      at = std::max({*runner, arrivals_[first_ + jobs - 1], due(jobs)});
      if (first_ + jobs == arrivals_.size() || arrivals_[first_ + jobs] > at) break;
      ++jobs;
    }
    const double took = time_of(jobs) * factors_[batches_ % factors_.size()];
    for (std::size_t i = first_; i < first_ + jobs; ++i) {
      latencies_.push_back(at + took - arrivals_[i]);
    }
    *runner = at + took;
    busy_ += took;
    first_ += jobs;
    ++batches_;
  }

  SimulatedCost cost_;
  double budget_ms_;
  const std::vector<double>& arrivals_;
  const std::vector<double>& factors_;
  Rule rule_;
  std::vector<double> free_at_;
  std::vector<double> latencies_;
  std::size_t first_ = 0;
  std::size_t batches_ = 0;
  double busy_ = 0;
};

}  // namespace

OracleAnswer ask_oracle(const OracleQuestion& question) {
  std::mt19937_64 random(question.seed);
  std::exponential_distribution<double> gap(question.per_second / 1e3);
  std::lognormal_distribution<double> noise(0, question.cost.sigma);
  std::vector<double> arrivals;
  const auto end = static_cast<double>(question.duration.count());
  for (double at = gap(random); at < end; at += gap(random)) arrivals.push_back(at);
  std::vector<double> factors(10'000);
  for (double& factor : factors) factor = noise(random);

  OracleAnswer best;
  if (arrivals.empty()) return best;
  for (const bool by_linger : {false, true}) {
    // To wait longer is cheaper, so the longest wait that keeps the budget is the best of a family.
    for (double step = steps; step >= 0; --step) {
      const Rule rule{step / steps, by_linger};
      const OracleAnswer answer = Trial(question, arrivals, factors, rule).run();
      if (answer.p99_ms * 1e6 > static_cast<double>(question.budget.count())) continue;
      if (best.worker_ms_per_job == 0 || answer.worker_ms_per_job < best.worker_ms_per_job) {
        best = answer;
      }
      break;
    }
  }
  return best;
}

}  // namespace ferry::detail
