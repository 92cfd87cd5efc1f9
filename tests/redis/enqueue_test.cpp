#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "redis/connection.hpp"
#include "support/client_fixture.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::Note;

/// Returns: nothing when the job is stored.
std::optional<ErrorCode> code_of(const Receipt& receipt) {
  const EnqueueResult result = receipt.get();
  return result ? std::nullopt : std::optional(result.error->code());
}

class EnqueueTest : public test::RedisTest {
 protected:
  std::set<JobId> stored_ids(JobState state = JobState::waiting) const {
    std::set<JobId> ids;
    for (const JobInfo& job : stored(state)) ids.insert(job.id);
    return ids;
  }
  QueueCounts counts(const std::string& queue = "default") const {
    return Queue(reach(), queue).counts();
  }
};

TEST_F(EnqueueTest, StoresOneJobAndReturnsItsId) {
  Client client(client_options());
  const JobId id = client.enqueue(Note{7});
  const auto jobs = stored();
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].id, id);
  EXPECT_EQ(jobs[0].kind, "note");
  EXPECT_EQ(jobs[0].state, JobState::waiting);
  EXPECT_EQ(client.stats().enqueued_jobs, 1u);
  EXPECT_EQ(client.hint("default").depth_jobs, 1);
  EXPECT_EQ(Queue::list(reach()), std::vector<std::string>{"default"});
}

TEST_F(EnqueueTest, KeepsWhatTheOptionsSayOfAJob) {
  Client client(client_options());
  EnqueueOptions options;
  options.queue = "mail";
  options.priority = Priority::high;
  options.batch_key = "customer-1";
  options.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  options.headers = {{"from", "shop"}};
  client.enqueue(Note{1}, options);
  const auto jobs = stored(JobState::waiting, "mail");
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].priority, Priority::high);
  EXPECT_EQ(jobs[0].batch_key, options.batch_key);
  EXPECT_EQ(jobs[0].traceparent, options.traceparent);
  EXPECT_EQ(jobs[0].headers, options.headers);
  EXPECT_TRUE(stored().empty());
}

TEST_F(EnqueueTest, ReturnsOneResultPerJobInOrder) {
  Client client(client_options());
  std::vector<Note> notes;
  for (int i = 0; i < 10'000; ++i) notes.push_back({i});
  const auto results = client.enqueue_all(notes);
  ASSERT_EQ(results.size(), notes.size());
  const auto jobs = stored();
  ASSERT_EQ(jobs.size(), notes.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    ASSERT_TRUE(results[i]) << results[i].error->what();
    ASSERT_EQ(results[i].id, jobs[i].id) << i;
  }
  EXPECT_EQ(counts().accepted, 10'000);
  EXPECT_LE(client.stats().envelopes, 10'000u / 100);
  EXPECT_TRUE(Queue(reach(), "default").audit().balanced());
}

TEST_F(EnqueueTest, StoresEveryJobOfManyThreadsOnceAndSharesRoundTrips) {
  constexpr int threads = 8;
  constexpr int jobs_each = 400;
  Client client(client_options());
  std::vector<std::vector<JobId>> ids(threads);
  std::vector<std::thread> callers;
  for (int t = 0; t < threads; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < jobs_each; ++i) ids[t].push_back(client.enqueue(Note{i}));
    });
  }
  for (std::thread& caller : callers) caller.join();
  std::set<JobId> unique;
  for (const auto& list : ids) unique.insert(list.begin(), list.end());
  EXPECT_EQ(unique.size(), static_cast<std::size_t>(threads * jobs_each));
  EXPECT_EQ(stored_ids(), unique);
  EXPECT_EQ(counts().accepted, threads * jobs_each);
  EXPECT_LT(client.stats().calls, static_cast<std::uint64_t>(threads * jobs_each));
}

TEST_F(EnqueueTest, SharesRoundTripsAmongAsynchronousJobsOfManyThreads) {
  constexpr int threads = 8;
  constexpr int jobs_each = 2'000;
  Client client(client_options());
  std::vector<std::vector<Receipt>> receipts(threads);
  std::vector<std::thread> callers;
  for (int t = 0; t < threads; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < jobs_each; ++i) receipts[t].push_back(client.enqueue_async(Note{i}));
    });
  }
  for (std::thread& caller : callers) caller.join();
  client.flush();
  std::set<JobId> unique;
  for (const auto& list : receipts) {
    for (const Receipt& receipt : list) {
      ASSERT_TRUE(receipt.ready());
      const EnqueueResult result = receipt.get();
      ASSERT_TRUE(result) << result.error->what();
      EXPECT_EQ(result.id, receipt.id());
      unique.insert(result.id);
    }
  }
  EXPECT_EQ(stored_ids(), unique);
  EXPECT_EQ(counts().accepted, threads * jobs_each);
  EXPECT_LT(client.stats().round_trips, static_cast<std::uint64_t>(threads * jobs_each) / 4);
}

TEST_F(EnqueueTest, LetsJobsWaitForCompanyOnlyWhenAskedTo) {
  ClientOptions options = client_options();
  options.linger = 1s;
  Client client(options);
  for (int i = 0; i < 20; ++i) static_cast<void>(client.enqueue_async(Note{i}));
  client.flush();  // ends the waiting
  EXPECT_EQ(client.stats().calls, 1u);
  EXPECT_EQ(client.stats().envelopes, 1u);
  EXPECT_EQ(counts().waiting, 20);
}

TEST_F(EnqueueTest, SendsWithoutFlushWhenTheLingerIsOver) {
  ClientOptions options = client_options();
  options.linger = 5ms;
  Client client(options);
  const Receipt receipt = client.enqueue_async(Note{1});
  EXPECT_TRUE(receipt.get());
}

TEST_F(EnqueueTest, ServesManyQueuesFromOneClient) {
  Client client(client_options());
  std::vector<Receipt> receipts;
  for (int i = 0; i < 400; ++i) {
    EnqueueOptions options;
    options.queue = "q" + std::to_string(i % 40);
    receipts.push_back(client.enqueue_async(Note{i}, options));
  }
  for (const Receipt& receipt : receipts) ASSERT_TRUE(receipt.get());
  EXPECT_EQ(Queue::list(reach()).size(), 40u);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(counts("q" + std::to_string(i)).waiting, 10);
}

TEST_F(EnqueueTest, ParksDelayedJobsUntilTheyAreDue) {
  Client client(client_options());
  EnqueueOptions later;
  later.run_after = 1h;
  const JobId id = client.enqueue(Note{1}, later);
  client.enqueue(Note{2});
  const auto delayed = stored(JobState::delayed);
  ASSERT_EQ(delayed.size(), 1u);
  EXPECT_EQ(delayed[0].id, id);
  const auto left = delayed[0].due_at - std::chrono::system_clock::now();
  EXPECT_GT(left, 50min);
  EXPECT_LE(left, 1h);
  EXPECT_EQ(counts().delayed, 1);
  EXPECT_EQ(counts().waiting, 1);
  EXPECT_TRUE(Queue(reach(), "default").audit().balanced());
}

TEST_F(EnqueueTest, FailsOnlyTheJobWhosePayloadIsTooLarge) {
  Client client(client_options());
  const std::string huge(8 * 1024 * 1024 + 1, 'x');
  const Receipt bad = client.enqueue_packed_async("blob", huge);
  const Receipt good = client.enqueue_packed_async("blob", "x");
  EXPECT_EQ(code_of(bad), ErrorCode::oversized);
  EXPECT_TRUE(good.get());
  try {
    client.enqueue_packed("blob", huge);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::oversized);
  }
  EXPECT_EQ(counts().accepted, 1);
  EXPECT_EQ(client.stats().failed_jobs, 2u);
}

TEST_F(EnqueueTest, RefusesWrongKindsAndOptionsBeforeAnythingIsStored) {
  Client client(client_options());
  EXPECT_THROW(client.enqueue_packed("no spaces", "x"), Error);
  EnqueueOptions options;
  options.max_attempts = -1;
  EXPECT_THROW(client.enqueue_all(std::vector<Note>(3), options), Error);
  options = {};
  options.queue = "a{b}";
  EXPECT_THROW(client.enqueue(Note{1}, options), Error);
  EXPECT_EQ(counts().accepted, 0);
}

TEST_F(EnqueueTest, CompressesLargeEnvelopesWhenAskedTo) {
  ClientOptions options = client_options();
  options.compress_from_bytes = 256;
  Client client(options);
  const auto results = client.enqueue_all(std::vector<Note>(1'000));
  for (const auto& result : results) ASSERT_TRUE(result);
  EXPECT_EQ(stored().size(), 1'000u);
  EXPECT_LT(counts().bytes, 3'000);
}

TEST_F(EnqueueTest, FlushesWhatIsLeftWhenTheClientCloses) {
  std::vector<Receipt> receipts;
  {
    ClientOptions options = client_options();
    options.linger = 1s;
    Client client(options);
    for (int i = 0; i < 100; ++i) receipts.push_back(client.enqueue_async(Note{i}));
  }
  for (const Receipt& receipt : receipts) EXPECT_TRUE(receipt.get());
  EXPECT_EQ(counts().waiting, 100);
}

TEST_F(EnqueueTest, InstallsTheFunctionsAgainWhenTheyWereRemoved) {
  Client client(client_options());
  client.enqueue(Note{1});
  redis::Connection admin(reach());
  admin.connect();
  admin.call({"FUNCTION", "FLUSH"});
  client.enqueue(Note{2});
  EXPECT_EQ(counts().waiting, 2);
}

}  // namespace
}  // namespace ferry
