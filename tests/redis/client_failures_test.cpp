#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "ferry/setup.hpp"
#include "redis/connection.hpp"
#include "support/client_fixture.hpp"
#include "support/listener.hpp"

namespace ferry::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Parcel {
  static constexpr std::string_view kind = "parcel";
  std::string content;
  MSGPACK_DEFINE_MAP(content)
};

/// What a client's callbacks were told.
struct Told {
  std::vector<FailedJob> jobs;
  std::vector<std::string> lines;
  std::mutex mutex;

  void listen(ClientOptions& options) {
    options.on_failed = [this](const FailedJob& job) {
      const std::scoped_lock lock(mutex);
      jobs.push_back(job);
    };
    options.on_warning = [this](std::string_view line) {
      const std::scoped_lock lock(mutex);
      lines.emplace_back(line);
    };
  }
  bool any_line() {
    const std::scoped_lock lock(mutex);
    return !lines.empty();
  }
  std::set<JobId> ids() const {
    std::set<JobId> ids;
    for (const FailedJob& job : jobs) ids.insert(job.id);
    return ids;
  }
};

class ClientFailuresTest : public RedisTest {
 protected:
  std::string config(const std::string& name, const std::string& value) {
    redis::Connection connection(reach());
    return std::string(connection.command({"CONFIG", "SET", name, value})->root().text);
  }

  Told told;
};

TEST_F(ClientFailuresTest, TellsEachJobThatABoundRefusedThoughNobodyLooks) {
  const std::vector<Note> notes(1001);
  testing::internal::CaptureStderr();
  std::atomic<int> told_jobs = 0;
  {
    ClientOptions options = client_options();
    options.limits.max_jobs = 10;
    options.when_full = WhenFull::reject;
    options.on_failed = [&](const FailedJob& job) {
      ++told_jobs;
      EXPECT_EQ(job.queue, "default");
      EXPECT_EQ(job.kind, "note");
      EXPECT_EQ(job.error->code(), ErrorCode::full);
      EXPECT_NE(job.id, JobId{});
    };
    Client client(options);
    static_cast<void>(client.enqueue_all(notes));
    EXPECT_EQ(client.stats().failed_jobs, 991u);
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(told_jobs, 991);
  EXPECT_EQ(stored().size(), 10u);
  EXPECT_THAT(said, AllOf(testing::StartsWith("ferry: 991 jobs were not accepted"),
                          HasSubstr("queue \"default\" is full")));
  EXPECT_EQ(std::ranges::count(said, '\n'), 1);
}

TEST_F(ClientFailuresTest, SaysWhatItDropsWhenItIsClosedWhileRedisIsAway) {
  for (const auto block_timeout : {0ms, 50ms}) {
    Told here;
    ClientOptions options = client_options();
    options.redis.url = "redis://127.0.0.1:1";
    options.block_timeout = block_timeout;
    options.linger = 1s;
    here.listen(options);
    std::set<JobId> ids;
    {
      Client client(options);
      for (int i = 0; i < 100; ++i) ids.insert(client.enqueue_async(Note{i}).id());
    }
    EXPECT_EQ(here.jobs.size(), 100u);
    EXPECT_EQ(here.ids(), ids);
    ASSERT_FALSE(here.lines.empty());
    EXPECT_THAT(here.lines.back(), HasSubstr("100 jobs were not accepted"));
  }
}

TEST_F(ClientFailuresTest, TellsOnceWhatEachWayOfEnqueueingCouldNotStore) {
  ClientOptions options = client_options();
  options.limits.max_jobs = 1;
  options.when_full = WhenFull::reject;
  told.listen(options);
  {
    Client client(options);
    client.enqueue(Note{0});
    EXPECT_THROW(client.enqueue(Note{1}), Error);
    EXPECT_FALSE(client.enqueue_async(Note{2}).get());
    EXPECT_EQ(client.enqueue_all(std::vector<Note>(3)).size(), 3u);
    EXPECT_THROW(client.enqueue(Parcel{std::string(9 * 1024 * 1024, 'x')}), Error);
    EXPECT_THROW(client.enqueue(Note{3}, {.queue = "no spaces"}), Error) << "not handed over";
    EXPECT_EQ(client.stats().failed_jobs, 6u);
  }
  EXPECT_EQ(told.jobs.size(), 6u);
  EXPECT_THAT(told.lines, ElementsAre(HasSubstr("4 jobs were not accepted")))
      << "a call that throws has said it";
}

TEST_F(ClientFailuresTest, TellsShedAndExpiredJobs) {
  ClientOptions options = client_options();
  options.redis.url = "redis://127.0.0.1:1";
  options.block_timeout = 20ms;
  options.buffer_jobs = 16;
  options.when_full = WhenFull::shed_oldest;
  told.listen(options);
  std::set<JobId> ids;
  {
    Client client(options);
    for (int i = 0; i < 100; ++i) ids.insert(client.enqueue_async(Note{i}).id());
  }
  EXPECT_EQ(told.jobs.size(), 100u);
  EXPECT_EQ(told.ids(), ids);
}

TEST_F(ClientFailuresTest, SaysItWhileItRunsWithoutBeingAsked) {
  ClientOptions options = client_options();
  options.limits.max_jobs = 1;
  options.when_full = WhenFull::reject;
  told.listen(options);
  Client client(options);
  static_cast<void>(client.enqueue_all(std::vector<Note>(5)));
  EXPECT_TRUE(eventually([&] { return told.any_line(); }));
  EXPECT_THAT(told.lines, ElementsAre(HasSubstr("4 jobs were not accepted")));
}

TEST_F(ClientFailuresTest, ACallbackThatEnqueuesIsRefusedAndHangsNothing) {
  ClientOptions options = client_options();
  options.limits.max_jobs = 1;
  options.when_full = WhenFull::reject;
  Client* self = nullptr;
  std::vector<std::string> refusals;
  options.on_warning = [](std::string_view) {};
  options.on_failed = [&](const FailedJob&) {
    try {
      self->enqueue(Note{});
    } catch (const Error& error) {
      refusals.emplace_back(error.what());
    }
    self->flush();  // throws too
  };
  Client client(options);
  self = &client;
  static_cast<void>(client.enqueue_all(std::vector<Note>(3)));
  EXPECT_THAT(refusals,
              ElementsAre(HasSubstr("a callback of this client"), HasSubstr("must not enqueue")));
  EXPECT_EQ(client.stats().failed_jobs, 2u);
}

TEST_F(ClientFailuresTest, SaysAtOnceThatRedisCannotBeReachedAndGoesOnTrying) {
  Listener place;
  place.open();
  ClientOptions options = client_options();
  options.redis.url = place.url();
  place.close();
  options.block_timeout = 2s;
  told.listen(options);
  Client client(options);
  const Receipt receipt = client.enqueue_async(Note{});
  EXPECT_TRUE(eventually([&] { return told.any_line(); }));
  EXPECT_THAT(told.lines,
              ElementsAre(AllOf(HasSubstr(options.redis.url), HasSubstr("Connection refused"),
                                HasSubstr("trying again, up to 2000 ms"))));
  EXPECT_FALSE(receipt.ready());
}

TEST_F(ClientFailuresTest, AConnectionCanBeChecked) {
  EXPECT_NO_THROW(check_connection(reach()));
  RedisOptions wrong = reach();
  wrong.url = "redis://127.0.0.1:1";
  try {
    check_connection(wrong);
    FAIL() << "nothing listens there";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("redis://127.0.0.1:1"));
  }
}

/// Jobs that can never be stored, between others that can: by the queue's bound, and by what Redis
/// takes in one command.
TEST_F(ClientFailuresTest, AJobThatCanNeverBeStoredFailsAloneAndAtOnce) {
  struct Case {
    std::string what;
    std::int64_t max_bytes;
    std::string name;
    std::size_t bytes;
    std::string said;
  };
  const std::vector<Case> cases{
      {"bound", 100'000, "", 150'000, "QueueLimits::max_bytes, 100000"},
      {"bound, small", 2'000, "", 2'000, "QueueLimits::max_bytes, 2000"},
      {"bulk", 0, "proto-max-bulk-len", 2'000'000, "proto-max-bulk-len"},
      {"query buffer", 0, "client-query-buffer-limit", 3'000'000, "client-query-buffer-limit"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    if (!one.name.empty()) {
      ASSERT_EQ(config(one.name, "1048576"), "OK");
    }
    Told here;
    ClientOptions options = client_options();
    options.queue = "q" + std::to_string(&one - cases.data());
    options.limits.max_bytes = one.max_bytes;
    options.block_timeout = 30s;
    here.listen(options);
    Client client(options);
    const auto begun = Clock::now();
    std::vector<Receipt> small;
    for (int i = 0; i < 5; ++i) small.push_back(client.enqueue_async(Note{i}));
    const Receipt large = client.enqueue_async(Parcel{std::string(one.bytes, 'x')});
    for (int i = 0; i < 5; ++i) small.push_back(client.enqueue_async(Note{i}));
    const Receipt other = client.enqueue_async(Note{}, {.queue = "other"});
    const EnqueueResult result = large.get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error->code(), ErrorCode::oversized);
    EXPECT_THAT(result.error->what(), HasSubstr(one.said));
    for (const Receipt& receipt : small) EXPECT_TRUE(receipt.get());
    EXPECT_TRUE(other.get());
    EXPECT_LT(Clock::now() - begun, 10s) << "not after block_timeout";
    EXPECT_EQ(stored(JobState::waiting, options.queue).size(), 10u);
    EXPECT_EQ(here.ids(), std::set<JobId>{large.id()});
    if (!one.name.empty()) {
      ASSERT_EQ(config(one.name, "536870912"), "OK");
    }
  }
}

}  // namespace
}  // namespace ferry::test
