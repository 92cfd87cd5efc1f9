#include "plan/per_job.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace ferry::plan {
namespace {

TEST(PerJobTest, FindsBothPartsOfWhatWasMadeOfThem) {
  // 4 + 0.2·n per batch: 4.2, 0.6 and 0.24 per job.
  const std::vector<PerJobSample> samples{{1, 4.2, 100}, {10, 0.6, 700}, {100, 0.24, 50}};
  const PerJob cost = fit_per_job(samples);
  EXPECT_NEAR(cost.per_batch, 4, 1e-12);
  EXPECT_NEAR(cost.per_job, 0.2, 1e-12);
  EXPECT_NEAR(cost.at(4), 1.2, 1e-12);
}

TEST(PerJobTest, WeighsRunsByTheirJobs) {
  // At size 1 the mean of 3 and 5 with weights 1 and 3 is 4.5; at size 2 it is 2.5.
  const std::vector<PerJobSample> samples{{1, 3, 1}, {1, 5, 3}, {2, 2.5, 4}};
  const PerJob cost = fit_per_job(samples);
  EXPECT_NEAR(cost.per_batch, 4, 1e-12);
  EXPECT_NEAR(cost.per_job, 0.5, 1e-12);
}

TEST(PerJobTest, OneSizeSaysNothingOfWhatABatchSaves) {
  const std::vector<PerJobSample> samples{{1, 4, 1}, {1.2, 6, 1}};
  EXPECT_FALSE(sizes_differ(samples));
  const PerJob cost = fit_per_job(samples);
  EXPECT_EQ(cost.per_batch, 0);
  EXPECT_EQ(cost.per_job, 5);
}

TEST(PerJobTest, NeitherPartIsBelowZero) {
  // Dearer in batches: noise, or a handler that is better off alone.
  const PerJob dearer = fit_per_job(std::vector<PerJobSample>{{1, 1, 1}, {10, 3, 1}});
  EXPECT_EQ(dearer.per_batch, 0);
  EXPECT_EQ(dearer.per_job, 2);
  // The line would cross zero: through the origin, (10·1 + 0.1·0.5) / (1 + 0.25) for x = 1 and 0.5.
  const PerJob steep = fit_per_job(std::vector<PerJobSample>{{1, 10, 1}, {2, 0.1, 1}});
  EXPECT_NEAR(steep.per_batch, 8.04, 1e-12);
  EXPECT_EQ(steep.per_job, 0);
}

}  // namespace
}  // namespace ferry::plan
