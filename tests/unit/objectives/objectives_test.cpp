#include "objectives/objectives.hpp"

#include <gmock/gmock.h>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t enqueued_us = 1'000'000;

/// A hundred jobs of which Redis has just been told.
LeasedEnvelope envelope(std::uint32_t queue, JobMark mark = JobMark::done) {
  LeasedEnvelope envelope;
  envelope.queue = queue;
  envelope.stored.jobs.resize(100);
  for (auto& job : envelope.stored.jobs) {
    job.kind = "send";
    job.enqueued_us = enqueued_us;
  }
  envelope.marks.assign(100, mark);
  return envelope;
}

class ObjectivesTest : public testing::Test {
 protected:
  Objectives::Time now_{1000s};
  Objectives objectives_{
      {{.queue = "b", .within = 50ms}, {.queue = "b", .kind = "other", .within = 50ms}},
      {"a", "b"}};
};

TEST_F(ObjectivesTest, TellsOnceThatOneBurnsAndOnceThatItCeased) {
  objectives_.told(envelope(1), now_, enqueued_us + 50'001);
  const auto began = objectives_.look(now_);
  ASSERT_EQ(began.size(), 1U);
  EXPECT_TRUE(began[0].burning);
  EXPECT_NEAR(began[0].burn_1_hour, 100, 0.01);
  EXPECT_TRUE(objectives_.look(now_ + 1s).empty());
  const auto ceased = objectives_.look(now_ + 301s);
  ASSERT_EQ(ceased.size(), 1U);
  EXPECT_FALSE(ceased[0].burning);
  EXPECT_TRUE(objectives_.look(now_ + 302s).empty());
}

TEST_F(ObjectivesTest, CountsItsOwnQueueAndKindOnly) {
  objectives_.told(envelope(0), now_, enqueued_us + 1'000'000);
  EXPECT_EQ(objectives_.stats(now_)[0].jobs, 0U);
  objectives_.told(envelope(1), now_, enqueued_us + 50'000);
  const auto stats = objectives_.stats(now_);
  EXPECT_EQ(stats[0].jobs, 100U);
  EXPECT_EQ(stats[0].late, 0U);
  EXPECT_EQ(stats[1].jobs, 0U);
}

TEST_F(ObjectivesTest, ExpiredJobsAreLateAndTheOthersAreNotCounted) {
  objectives_.told(envelope(1, JobMark::expired), now_, enqueued_us);
  for (const JobMark mark : {JobMark::open, JobMark::moved, JobMark::settled}) {
    objectives_.told(envelope(1, mark), now_, enqueued_us + 1'000'000);
  }
  EXPECT_EQ(objectives_.stats(now_)[0].jobs, 100U);
  EXPECT_EQ(objectives_.stats(now_)[0].late, 100U);
}

}  // namespace
}  // namespace ferry::detail
