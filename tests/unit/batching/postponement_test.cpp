#include "batching/postponement.hpp"

#include <gtest/gtest.h>

#include "batching/runner_time.hpp"

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

constexpr Time start = Time{} + 1h;

TEST(PostponementTest, LetsJobsComeBackAtThePaceOfTheWorker) {
  Postponement postponement;
  EXPECT_EQ(postponement.next(100, 10ms, 0, start), Postponement::least);
  EXPECT_EQ(postponement.next(1, 10ms, 0, start), Postponement::least + 1s);
  EXPECT_EQ(postponement.next(1, 10ms, 0, start + 500ms), Postponement::least + 510ms);
}

TEST(PostponementTest, LeavesTheTimeOfThoseInTimeButKeepsHalfOfIt) {
  for (const auto& [share, apart] : {std::pair{0.2, 1250ms}, {0.5, 2000ms}, {1.0, 2000ms}}) {
    Postponement postponement;
    postponement.next(100, 10ms, share, start);
    EXPECT_EQ(postponement.next(1, 10ms, share, start), Postponement::least + apart) << share;
  }
}

TEST(PostponementTest, LetsNobodyWaitForLongWhateverItIsTold) {
  Postponement postponement;
  postponement.next(1'000'000, 1s, 0, start);
  EXPECT_EQ(postponement.next(1, 1s, 0, start), Postponement::most);
  EXPECT_EQ(postponement.next(1, 1s, 0, start + 1h), Postponement::least);
}

TEST(RunnerTimeTest, WeighsBatchesByTheTimeTheyTook) {
  RunnerTime time;
  EXPECT_EQ(time.per_job(), 0ns);
  EXPECT_EQ(time.in_time_share(), 0);
  for (int i = 0; i < 8; ++i) time.observe(1000, 200ms, false);
  for (int i = 0; i < 8; ++i) time.observe(1, 4ms, true);
  EXPECT_GT(time.per_job(), 200us);
  EXPECT_LT(time.per_job(), 220us) << "four milliseconds a job were true of eight jobs";
  EXPECT_LT(time.in_time_share(), 0.04);
  for (int i = 0; i < 300; ++i) time.observe(1, 4ms, true);
  EXPECT_GT(time.per_job(), 3ms) << "what was is forgotten";
  EXPECT_GT(time.in_time_share(), 0.95);
}

}  // namespace
}  // namespace ferry::detail
