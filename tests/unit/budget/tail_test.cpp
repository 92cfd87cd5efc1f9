#include "budget/tail.hpp"

#include <gmock/gmock.h>

namespace ferry::budget {
namespace {

using testing::HasSubstr;

/// `slow` of `jobs` jobs spend `extra_us` more in `stage`; the others take 10 ms, half in the
/// handler.
std::vector<JobTimes> jobs_with(std::size_t jobs, std::size_t slow, Stage stage, double extra_us) {
  JobTimes usual{"mail", "send", {2000, 0, 1000, 1000, 5000, 1000}};
  std::vector<JobTimes> all(jobs, usual);
  for (std::size_t i = 0; i < slow; ++i) {
    all[i * (jobs / slow)].us[static_cast<std::size_t>(stage)] += extra_us;
  }
  return all;
}

TEST(TailTest, NamesTheStageThatSlowJobsHaveMoreOf) {
  for (std::size_t i = 0; i < stage_count; ++i) {
    const auto stage = static_cast<Stage>(i);
    const Tail tail = tail_of(jobs_with(1000, 10, stage, 40'000), 0.01);
    EXPECT_EQ(tail.owner, stage) << stage_names[i];
    EXPECT_EQ(tail.slow_jobs, 10U);
    EXPECT_DOUBLE_EQ(tail.median_us(), 10'000);
    EXPECT_DOUBLE_EQ(tail.slow_us(), 50'000);
    EXPECT_DOUBLE_EQ(tail.slow_from_us, 50'000);
  }
}

TEST(TailTest, IsNotMisledByAStageThatIsLongForEverybody) {
  // The handler takes more than anything else, but the slow jobs wait for it.
  auto jobs = jobs_with(1000, 10, Stage::credit, 4'500);
  const Tail tail = tail_of(jobs, 0.01);
  EXPECT_GE(tail.slow[static_cast<std::size_t>(Stage::run)], 5'000);
  EXPECT_EQ(tail.owner, Stage::credit);
}

TEST(TailTest, SaysWhatTheSlowJobsDoAndWhatWouldHelp) {
  const std::string text = in_words(tail_of(jobs_with(1000, 10, Stage::credit, 40'000), 0.01));
  EXPECT_THAT(text, HasSubstr("The slowest 1 % wait for a handler: 41.0 ms of 50.0 ms"));
  EXPECT_THAT(text, HasSubstr("against 1.00 ms of 10.0 ms in the median job"));
  EXPECT_THAT(text, HasSubstr("more concurrency"));
  EXPECT_THAT(in_words(tail_of(jobs_with(1000, 10, Stage::run, 40'000), 0.01)),
              HasSubstr("a faster handler or smaller batches would help"));
}

TEST(TailTest, HasNoOwnerWhenSlowJobsAreHardlySlower) {
  const Tail tail = tail_of(jobs_with(1000, 10, Stage::hold, 1'000), 0.01);
  EXPECT_TRUE(tail.enough);
  EXPECT_EQ(tail.owner, std::nullopt);
  EXPECT_THAT(in_words(tail), HasSubstr("No stage owns the slowest 1 %"));
}

TEST(TailTest, GivesNoVerdictOnAHandfulOfJobs) {
  const Tail tail = tail_of(jobs_with(900, 9, Stage::hold, 40'000), 0.01);
  EXPECT_FALSE(tail.enough);
  EXPECT_EQ(tail.owner, std::nullopt);
  EXPECT_THAT(in_words(tail), HasSubstr("No verdict: the slowest 1 % of 900 jobs are 9"));
  EXPECT_THAT(in_words(tail), HasSubstr("that is 1000 jobs, or --part 0.02"));
  EXPECT_TRUE(tail_of(jobs_with(900, 9, Stage::hold, 40'000), 0.02).enough);
}

TEST(TailTest, BearsNoJobsAndOneJob) {
  EXPECT_THAT(in_words(tail_of({}, 0.01)), HasSubstr("No verdict"));
  EXPECT_THAT(in_words(tail_of(jobs_with(1, 1, Stage::run, 1), 0.01)), HasSubstr("No verdict"));
}

TEST(TailTest, TellsQueuesAndKindsApartTheSlowestFirst) {
  auto jobs = jobs_with(1000, 10, Stage::hold, 20'000);
  auto others = jobs_with(2000, 20, Stage::run, 90'000);
  for (JobTimes& job : others) job.kind = "receive";
  jobs.insert(jobs.end(), others.begin(), others.end());
  const auto groups = groups_of(jobs, 0.01);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].kind, "receive");
  EXPECT_EQ(groups[0].tail.owner, Stage::run);
  EXPECT_EQ(groups[1].kind, "send");
  EXPECT_EQ(groups[1].tail.owner, Stage::hold);
}

}  // namespace
}  // namespace ferry::budget
