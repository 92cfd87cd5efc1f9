#include "budget/trace_jobs.hpp"

#include <gmock/gmock.h>

#include "support/error_from.hpp"
#include "trace/trace_file.hpp"

namespace ferry::budget {
namespace {

using namespace std::chrono_literals;
using detail::TracedEnd;
using testing::HasSubstr;

detail::TracedJob traced(TracedEnd end, int attempt) {
  detail::TracedJob job;
  job.attempt = attempt;
  job.enqueued_us = 1'000'000;
  job.arrived = detail::TraceTime(1s + 2ms);
  job.started = job.arrived + 7ms;
  job.credit = 4ms;
  job.ended = job.started + 5ms;
  job.told = job.ended + 1ms;
  job.end = end;
  return job;
}

std::string trace_of(std::vector<detail::TracedJob> jobs) {
  detail::TraceRecords records;
  records.worker = "w";
  records.kinds = {"send"};
  records.queues = {"mail"};
  records.one_job_in = 4;
  for (detail::TracedJob& job : jobs) job.id.bytes[0] = static_cast<std::uint8_t>(++records.seed);
  records.jobs = std::move(jobs);
  return detail::trace_text(records);
}

std::string complaint(const std::string& text) {
  return test::error_from([&] { static_cast<void>(jobs_of_trace(text)); }).what();
}

TEST(TraceJobsTest, ReadsWhatTheTraceOfAWorkerTells) {
  const TraceJobs found = jobs_of_trace(trace_of({traced(TracedEnd::done, 1)}));
  EXPECT_EQ(found.worker, "w");
  EXPECT_EQ(found.one_job_in, 4U);
  ASSERT_EQ(found.jobs.size(), 1U);
  EXPECT_EQ(found.jobs[0].queue, "mail");
  EXPECT_EQ(found.jobs[0].kind, "send");
  const StageTimes wanted{2000, 0, 3000, 4000, 5000, 1000};
  for (std::size_t i = 0; i < stage_count; ++i) {
    EXPECT_NEAR(found.jobs[0].us[i], wanted[i], 0.01) << stage_names[i];
  }
}

TEST(TraceJobsTest, CountsOnlyDoneJobsAndCallsTheWaitOfALaterAttemptByItsName) {
  const TraceJobs found =
      jobs_of_trace(trace_of({traced(TracedEnd::retry, 1), traced(TracedEnd::untold, 1),
                              traced(TracedEnd::dead, 3), traced(TracedEnd::done, 2)}));
  EXPECT_EQ(found.others, 3U);
  ASSERT_EQ(found.jobs.size(), 1U);
  EXPECT_EQ(found.jobs[0].us[static_cast<std::size_t>(Stage::before)], 0);
  EXPECT_NEAR(found.jobs[0].us[static_cast<std::size_t>(Stage::earlier)], 2000, 0.01);
}

TEST(TraceJobsTest, SaysWhatIsWrongWithAFile) {
  EXPECT_THAT(complaint("{"), HasSubstr("no JSON"));
  EXPECT_THAT(complaint("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(complaint("{}"), HasSubstr("no trace"));
  EXPECT_THAT(complaint(R"({"runs": []})"), HasSubstr("it is a comparison"));
  EXPECT_THAT(complaint(R"({"otherData": {}, "traceEvents": []})"),
              HasSubstr("not one of Ferry's"));
  EXPECT_THAT(complaint(R"({"otherData": {"made_by": "ferry", "format": 2}})"),
              HasSubstr("another version"));
  EXPECT_THAT(complaint(R"({"otherData": {"made_by": "ferry", "format": 1, "worker": "w",
      "one_job_in": 1}, "traceEvents": [{"ph": "b", "cat": "job", "args": {"outcome": "done",
      "queue": "q", "kind": "k", "stage_us": {"nap": 1}}}]})"),
              HasSubstr("\"nap\""));
}

}  // namespace
}  // namespace ferry::budget
