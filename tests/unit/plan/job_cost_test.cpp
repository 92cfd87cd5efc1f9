#include "plan/job_cost.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "plan/measured.hpp"

namespace ferry::plan {
namespace {

JobCostSample sample(double size, double per_second, const JobCost& cost) {
  return {size, per_second, cost.at(size, per_second)};
}

TEST(JobCostTest, FindsWhatABatchAJobAndTheRateCost) {
  const JobCost real{.per_batch = 50, .per_job = 20, .waking = 3000};
  const std::vector<JobCostSample> samples{sample(1, 100, real), sample(1, 700, real),
                                           sample(10, 300, real), sample(30, 3000, real)};
  const JobCost cost = fit_job_cost(samples);
  EXPECT_NEAR(cost.per_batch, 50, 1e-6);
  EXPECT_NEAR(cost.per_job, 20, 1e-6);
  EXPECT_NEAR(cost.waking, 3000, 1e-4);
}

TEST(JobCostTest, BelievesInNoPartThatTheSamplesDoNotTell) {
  const JobCost real{.per_batch = 50, .per_job = 20, .waking = 3000};
  const std::vector<JobCostSample> one_rate{sample(1, 100, real), sample(10, 110, real)};
  EXPECT_EQ(fit_job_cost(one_rate).waking, 0);
  EXPECT_GT(fit_job_cost(one_rate).per_batch, 0);
  const std::vector<JobCostSample> one_size{sample(1, 100, real), sample(1.1, 900, real)};
  EXPECT_EQ(fit_job_cost(one_size).per_batch, 0);
  EXPECT_GT(fit_job_cost(one_size).waking, 0);
  const std::vector<JobCostSample> one{sample(2, 100, real)};
  EXPECT_NEAR(fit_job_cost(one).per_job, real.at(2, 100), 1e-9);
  EXPECT_EQ(fit_job_cost({}).per_job, 0);
}

TEST(JobCostTest, HasNoPartBelowZero) {
  const std::vector<JobCostSample> dearer_in_batches{{1, 100, 10}, {10, 100, 30}, {10, 1000, 31}};
  const JobCost cost = fit_job_cost(dearer_in_batches);
  EXPECT_EQ(cost.per_batch, 0);
  EXPECT_EQ(cost.waking, 0);
  EXPECT_GT(cost.per_job, 10);
}

/// The runs that bench/plan recorded: fitted to some, held against the others.
class RecordedCostTest : public testing::Test {
 protected:
  static Measured read(const std::string& part) {
    const std::string file = FERRY_SOURCE_DIR "/bench/plan_errors/" + part + ".json";
    std::ifstream in(file);
    return read_measured(std::string{std::istreambuf_iterator<char>(in), {}}, file);
  }
  const Measured fitted = read("fit");
  const Measured unseen = read("unseen");
};

TEST_F(RecordedCostTest, ForetellsWhatRedisTakesAtRatesNotSeen) {
  // One run's processor time is off by a quarter itself, so they are judged together.
  double cpu_off = 0;
  for (const MeasuredRun& run : unseen.runs) {
    const double per_second = run.done / run.seconds;
    const auto ratio = [&](const JobCost& cost, double seen) {
      return cost.at(run.mean_batch, per_second) / (seen / run.done);
    };
    EXPECT_NEAR(ratio(fitted.redis_commands, run.redis_commands), 1, 0.4)
        << run.policy << " at " << run.rate;
    cpu_off += std::abs(ratio(fitted.redis_cpu, run.redis_cpu) - 1);
  }
  EXPECT_LT(cpu_off / static_cast<double>(unseen.runs.size()), 0.35);
}

}  // namespace
}  // namespace ferry::plan
