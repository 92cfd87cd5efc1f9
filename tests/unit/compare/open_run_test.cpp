#include "compare/open_run.hpp"

#include <gmock/gmock.h>

#include "compare/open_comparison.hpp"

namespace ferry::compare {
namespace {

using ::testing::HasSubstr;

OpenRun run_of(const std::string& policy, double rate, double p99) {
  OpenRun run;
  run.policy = policy;
  run.rate = rate;
  run.seconds = 2;
  run.offered = run.done = run.done_in_time = 100;
  run.within_budget = 90;
  run.p99 = p99;
  run.mean = 280;
  run.stages = {10, 20, 30, 40, 50, 60, 70};
  run.worker_cpu = 5000;
  run.handler_time = 8000;
  run.left_for = {{"idle", 30}, {"size", 10}};
  run.steady = true;
  return run;
}

TEST(OpenRowsTest, HoldARateAndAPolicyEachOverItsRepetitions) {
  const std::vector<OpenRun> runs{run_of("b", 10, 3), run_of("a", 20, 4), run_of("b", 10, 9),
                                  run_of("a", 10, 5), run_of("b", 10, 7)};
  const auto rows = open_rows_of(runs, {"a", "b"});
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].policy + std::to_string(rows[0].repetitions), "a1");
  EXPECT_EQ(rows[0].rate, 10);
  EXPECT_EQ(rows[1].rate, 20);
  const OpenRow& row = rows[2];
  EXPECT_EQ(row.repetitions, 3U);
  EXPECT_EQ(row.p99.median, 7);
  EXPECT_EQ(row.p99.low, 3);
  EXPECT_EQ(row.p99.high, 9);
  EXPECT_EQ(row.offered.median, 50);
  EXPECT_EQ(row.goodput.median, 45);
  EXPECT_EQ(row.worker_time.median, 80);
  EXPECT_EQ(runs[0].paid_worker_time(), 8000) << "a handler that waits is paid for";
  EXPECT_DOUBLE_EQ(row.left_for.at("idle"), 0.75);
  EXPECT_DOUBLE_EQ(row.stages[6], 70);
}

TEST(OpenRowsTest, BearOneUnsteadyRunInFiveAndNoLaggedOne) {
  std::vector<OpenRun> runs(5, run_of("a", 10, 3));
  runs[2].steady = false;
  EXPECT_TRUE(open_rows_of(runs, {"a"})[0].steady);
  runs[3].steady = false;
  EXPECT_FALSE(open_rows_of(runs, {"a"})[0].steady);
  runs[4].lagged = true;
  EXPECT_TRUE(open_rows_of(runs, {"a"})[0].lagged);
}

TEST(OpenRowsTest, BearNoRunWhoseBooksDoNotBalance) {
  std::vector<OpenRun> runs(5, run_of("a", 10, 3));
  EXPECT_FALSE(open_rows_of(runs, {"a"})[0].refused());
  runs[1].books = "a job is missing";
  EXPECT_TRUE(open_rows_of(runs, {"a"})[0].unbalanced);
  EXPECT_TRUE(open_rows_of(runs, {"a"})[0].refused());
}

TEST(RepeatedTest, TellsWhatALaggingGeneratorCost) {
  std::vector<OpenRun> runs(4, run_of("a", 10, 3));
  EXPECT_EQ(repeated_text(runs), "");
  runs[0].repeated = 1;
  EXPECT_THAT(repeated_text(runs), HasSubstr("1 of 4 runs were repeated"));
  EXPECT_THAT(repeated_text(runs), HasSubstr("none lagged in the end"));
  runs[3].repeated = 2;
  runs[3].lagged = true;
  EXPECT_THAT(repeated_text(runs), HasSubstr("3 thrown away, 1 lagged every time"));
}

TEST(OpenRunTest, StagesAddUp) {
  EXPECT_DOUBLE_EQ(run_of("a", 10, 3).stages_of_mean(), 1);
  OpenRun run = run_of("a", 10, 3);
  run.stages[2] = 0;
  EXPECT_NEAR(run.stages_of_mean(), 250.0 / 280, 1e-9);
}

}  // namespace
}  // namespace ferry::compare
