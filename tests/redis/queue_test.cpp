#include "ferry/queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "support/counting_redis.hpp"
#include "support/queue_fixture.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Note;
using test::QueueTest;
using test::Taken;

struct Scan {
  static constexpr std::string_view kind = "scan";
  std::string pixels = std::string(40'000, 'x');
  MSGPACK_DEFINE_MAP(pixels)
};

TEST_F(QueueTest, IsEmptyAndBalancedBeforeItsFirstJob) {
  const QueueCounts counts = queue->counts();
  EXPECT_EQ(counts.accepted, 0);
  EXPECT_EQ(counts.oldest_age, 0ms);
  EXPECT_TRUE(queue->audit().balanced());
  for (const JobState state :
       {JobState::waiting, JobState::leased, JobState::delayed, JobState::dead}) {
    EXPECT_TRUE(queue->jobs(state).jobs.empty());
    EXPECT_EQ(queue->jobs(state).next, "");
  }
  EXPECT_EQ(queue->purge(), 0);
  EXPECT_TRUE(Queue::list(reach()).empty());
}

TEST_F(QueueTest, ListsQueuesSortedAndByPrefix) {
  for (const char* name : {"b", "a", "c"}) {
    EnqueueOptions options;
    options.queue = name;
    client->enqueue(Note{1}, options);
  }
  ClientOptions other = client_options();
  other.redis.prefix = "other";
  Client(other).enqueue(Note{1});
  EXPECT_EQ(Queue::list(reach()), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(Queue::list(other.redis), std::vector<std::string>{"default"});
}

TEST_F(QueueTest, CountsJobsWhereverTheyAre) {
  enqueue(10);
  enqueue(4, Priority::high);
  EnqueueOptions later;
  later.run_after = 1h;
  client->enqueue(Note{1}, later);
  let_in("w1");
  const Taken taken = take("w1");
  settle("w1", taken, {0, 1, 2}, {3});

  const QueueCounts counts = queue->counts();
  EXPECT_EQ(counts.accepted, 15);
  EXPECT_EQ(counts.done, 3);
  EXPECT_EQ(counts.dead, 1);
  EXPECT_EQ(counts.delayed, 1);
  EXPECT_EQ(counts.leased, 6);
  EXPECT_EQ(counts.waiting, 4);
  EXPECT_EQ(counts.workers, 1);
  EXPECT_EQ(counts.envelopes, 2);
  EXPECT_GT(counts.bytes, 0);
  EXPECT_EQ(counts.accepted, counts.waiting + counts.leased + counts.delayed + counts.dead +
                                 counts.done + counts.expired + counts.cancelled);
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(QueueTest, PagesThroughWaitingJobsOfAllStreamsOldestFirst) {
  ClientOptions options = client_options();
  options.max_jobs_per_envelope = 3;
  Client small(options);
  std::vector<JobId> expected;
  for (int i = 0; i < 90; ++i) {
    EnqueueOptions job;
    job.priority = static_cast<Priority>(i % 3);
    expected.push_back(small.enqueue(Note{i}, job));
  }
  for (const auto& result : small.enqueue_all(std::vector<Note>(10))) expected.push_back(result.id);
  const auto jobs = all_pages(JobState::waiting, 7);
  EXPECT_EQ(ids_of(jobs), std::set<JobId>(expected.begin(), expected.end()));
  std::vector<JobId> normal_jobs;
  std::vector<JobId> normal_expected;
  for (const JobInfo& job : jobs) {
    EXPECT_EQ(job.state, JobState::waiting);
    if (job.priority == Priority::normal) normal_jobs.push_back(job.id);
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (i >= 90 || i % 3 == 1) normal_expected.push_back(expected[i]);
  }
  EXPECT_EQ(normal_jobs, normal_expected);
}

TEST_F(QueueTest, KeepsPagesWithinTheLimitAndOneEnvelope) {
  enqueue(100);
  ClientOptions options = client_options();
  options.max_jobs_per_envelope = 4;
  Client small(options);
  for (const auto& result : small.enqueue_all(std::vector<Note>(40))) ASSERT_TRUE(result);
  EXPECT_EQ(queue->jobs(JobState::waiting, 10).jobs.size(), 100u);
  const JobPage first = queue->jobs(JobState::waiting, 10);
  const JobPage second = queue->jobs(JobState::waiting, 10, first.next);
  EXPECT_EQ(second.jobs.size(), 12u);
}

TEST_F(QueueTest, ShowsWhoHoldsALeasedJobAndLeavesSettledOnesOut) {
  enqueue(5);
  enqueue(2);
  let_in("w1");
  let_in("w2");
  const Taken first = take("w1");
  take("w2");
  settle("w1", first, {0, 4}, {});
  const auto jobs = all_pages(JobState::leased, 100);
  ASSERT_EQ(jobs.size(), 5u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(jobs[i].worker, "w1");
    EXPECT_EQ(jobs[i].deliveries, 1);
    EXPECT_EQ(jobs[i].id, first.envelope.jobs[i + 1].id);
  }
  EXPECT_EQ(jobs[4].worker, "w2");
  EXPECT_TRUE(queue->jobs(JobState::waiting).jobs.empty());
}

TEST_F(QueueTest, PagesThroughDelayedJobsByDueTime) {
  std::vector<JobId> expected;
  for (int i = 0; i < 25; ++i) {
    EnqueueOptions options;
    options.run_after = 1h + 1min * i;
    expected.push_back(client->enqueue(Note{i}, options));
  }
  const auto jobs = all_pages(JobState::delayed, 4);
  ASSERT_EQ(jobs.size(), expected.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(jobs[i].id, expected[i]);
}

TEST_F(QueueTest, PagesThroughJobsThatDiedInTheSameMoment) {
  const auto ids = bury(50);  // one call: many share a millisecond
  EXPECT_EQ(ids_of(all_pages(JobState::dead, 7)), std::set<JobId>(ids.begin(), ids.end()));
}

TEST_F(QueueTest, RefusesACursorOrLimitThatIsNotOne) {
  EXPECT_THROW(queue->jobs(JobState::waiting, 0), Error);
  EXPECT_THROW(queue->jobs(JobState::waiting, 1001), Error);
  for (const JobState state :
       {JobState::waiting, JobState::leased, JobState::delayed, JobState::dead}) {
    for (const char* from : {"x", "1", "1-1", ":", "nan:1", "1-1,2-2", "1-1,2-2,x"}) {
      EXPECT_THROW(queue->jobs(state, 10, from), Error) << from;
    }
  }
}

TEST_F(QueueTest, ShowsBytesThatCannotBeDecoded) {
  enqueue(1);
  // An envelope's head, then nonsense.
  std::string bytes{"\x95\x01\x00\x03\xc4\x10", 6};
  bytes += std::string(16, '\7') + "\xc4\x02!!";
  admin->call({"XADD", keys.ready[1], "*", "e", bytes});
  const auto jobs = all_pages(JobState::waiting, 100);
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[1].kind, "");
  EXPECT_EQ(jobs[1].id.bytes[0], 7);
  EXPECT_NE(jobs[1].reason, "");
}

TEST_F(QueueTest, AuditNoticesEveryTamperedCounter) {
  enqueue(10);
  EnqueueOptions later;
  later.run_after = 1h;
  client->enqueue(Note{1}, later);
  bury(2, Priority::low);
  ASSERT_TRUE(queue->audit().balanced());
  for (const char* field :
       {"accepted", "done", "expired", "cancelled", "delayed", "dead", "bytes"}) {
    admin->call({"HINCRBY", keys.state, field, "1"});
    const AuditReport report = queue->audit();
    EXPECT_FALSE(report.balanced()) << field;
    EXPECT_EQ(report.found_in_stream, 10) << field;
    EXPECT_EQ(report.found_delayed, 1) << field;
    EXPECT_EQ(report.found_dead, 2) << field;
    admin->call({"HINCRBY", keys.state, field, "-1"});
  }
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(QueueTest, AuditNoticesWhatWasTakenAwayBehindItsBack) {
  enqueue(3);
  enqueue(3);
  EnqueueOptions later;
  later.run_after = 1h;
  client->enqueue(Note{1}, later);
  admin->call({"DEL", keys.due});
  const AuditReport orphaned = queue->audit();
  EXPECT_EQ(orphaned.found_delayed, 0);
  EXPECT_GE(orphaned.violations.size(), 2u) << "delayed jobs and entries without due time";
  admin->call({"XTRIM", keys.ready[1], "MAXLEN", "1"});
  EXPECT_EQ(queue->audit().found_in_stream, 3);
}

TEST_F(QueueTest, AuditWalksQueuesOfManySlices) {
  ClientOptions options = client_options();
  options.max_jobs_per_envelope = 1;
  Client single(options);
  EnqueueOptions later;
  later.run_after = 1h;
  for (const auto& r : single.enqueue_all(std::vector<Note>(1'200))) ASSERT_TRUE(r);
  for (const auto& r : single.enqueue_all(std::vector<Note>(1'200), later)) ASSERT_TRUE(r);
  const AuditReport report = queue->audit();
  EXPECT_TRUE(report.balanced()) << ::testing::PrintToString(report.violations);
  EXPECT_EQ(report.found_in_stream, 1'200);
  EXPECT_EQ(report.found_delayed, 1'200);
}

TEST_F(QueueTest, TakesFewLargeEnvelopesAtATime) {
  ClientOptions options = client_options();
  options.max_jobs_per_envelope = 1;
  Client single(options);
  for (const auto& r : single.enqueue_all(std::vector<Scan>(100))) ASSERT_TRUE(r);
  test::ServerMeter server(reach());
  server.start();
  const AuditReport report = queue->audit();
  const auto looked = server.since_start().commands;
  EXPECT_TRUE(report.balanced()) << ::testing::PrintToString(report.violations);
  EXPECT_EQ(report.found_in_stream, 100);
  // The books, two sides of each stream, due and dead; and four megabytes in slices of one.
  EXPECT_GE(looked.at("fcall_ro"), 1 + 6 + 2 + 3);
  std::size_t slices = 0;
  EXPECT_EQ(queue->purge([&](std::int64_t) { ++slices; }), 100);
  EXPECT_GE(slices, 4u);
}

TEST_F(QueueTest, PausesAndResumes) {
  queue->pause();
  EXPECT_TRUE(queue->counts().paused);
  queue->resume();
  EXPECT_FALSE(queue->counts().paused);
}

TEST_F(QueueTest, PurgesWhatWaitsAndKeepsWhatIsLeasedOrDead) {
  bury(3);
  enqueue(5);
  let_in("w1");
  take("w1");
  ClientOptions options = client_options();
  options.max_jobs_per_envelope = 1;
  Client single(options);
  for (const auto& result : single.enqueue_all(std::vector<Note>(1'000))) ASSERT_TRUE(result);
  EnqueueOptions later;
  later.run_after = 1h;
  for (const auto& r : single.enqueue_all(std::vector<Note>(10), later)) ASSERT_TRUE(r);
  std::vector<std::int64_t> told;
  EXPECT_EQ(queue->purge([&](std::int64_t removed) { told.push_back(removed); }), 1'010);
  EXPECT_GE(told.size(), 3u);
  EXPECT_EQ(told.back(), 1'010);
  const QueueCounts counts = queue->counts();
  EXPECT_EQ(counts.leased, 5);
  EXPECT_EQ(counts.dead, 3);
  EXPECT_EQ(counts.waiting + counts.delayed, 0);
  EXPECT_EQ(counts.cancelled, 1'010);
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(QueueTest, PurgesWhatLiesBehindManyEntriesThatHoldNoJob) {
  for (int i = 0; i < 600; ++i) admin->call({"XADD", keys.ready[1], "*", "e", "nonsense"});
  enqueue(5);
  EXPECT_EQ(queue->purge(), 5);
  EXPECT_EQ(queue->counts().envelopes, 0);
}

TEST(QueueNameTest, RefusesBadNamesBeforeItConnects) {
  RedisOptions nowhere;
  nowhere.url = "unix:///nowhere/redis.sock";
  EXPECT_THROW(Queue(nowhere, "a b"), Error);
  EXPECT_NO_THROW(Queue(nowhere, "ok"));
  EXPECT_THROW(Queue(nowhere, "ok").counts(), Error);
}

TEST(JobStateTest, IsReadAsItIsWritten) {
  for (const JobState state :
       {JobState::waiting, JobState::leased, JobState::delayed, JobState::dead}) {
    EXPECT_EQ(parse_job_state(to_string(state)), state);
  }
  EXPECT_EQ(parse_job_state("lost"), std::nullopt);
}

}  // namespace
}  // namespace ferry
