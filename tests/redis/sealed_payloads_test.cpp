// Payloads that are sealed on their way from producer to handler, whatever way that is.

#include <gmock/gmock.h>

#include <csignal>
#include <set>

#include "support/child.hpp"
#include "support/error_from.hpp"
#include "support/sealing.hpp"
#include "wire/envelope.hpp"

namespace ferry::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// The child's role: a worker whose handler hangs. Arguments: URL, key file, a file it makes when
/// it holds the job.
int worker_role(char** arguments) {
  Child::die_with_parent();
  WorkerOptions options;
  options.redis.url = arguments[0];
  options.payload_keys_file = arguments[1];
  options.lease = 500ms;
  options.log.level = LogLevel::off;
  options.print_stats_on_stop = false;
  const std::string note = arguments[2];
  Handlers handlers;
  handlers.on<Letter>([&](const JobContext&, const Letter& letter) {
    std::ofstream(note) << letter.text << std::flush;
    while (true) std::this_thread::sleep_for(1h);
  });
  Worker worker(options, handlers);
  return worker.run();
}

TEST_F(SealingTest, HandlersOfEveryKindGetWhatWasEnqueued) {
  const std::string file = keys("keys", {"k1"});
  Client client = producer(file);
  std::vector<Letter> letters;
  std::vector<Parcel> parcels;
  for (int i = 0; i < 1500; ++i) letters.push_back({"letter " + std::to_string(i)});
  for (int i = 0; i < 500; ++i) parcels.push_back({"parcel " + std::to_string(i)});
  std::set<JobId> ids;
  for (const auto& result : client.enqueue_all(letters)) {
    ASSERT_TRUE(result);
    ids.insert(result.id);
  }
  for (const auto& result : client.enqueue_all(parcels)) ASSERT_TRUE(result);
  ids.insert(client.enqueue(Letter{"alone"}));
  EXPECT_EQ(ids.size(), 1501u);
  RunningWorker worker(with_keys(file), handlers());
  ASSERT_TRUE(settled(2001, 0));
  EXPECT_EQ(received.size(), 2001u);
  EXPECT_EQ(received.times("letter 1499"), 1);
  EXPECT_EQ(received.times("parcel 0"), 1);
}

TEST_F(SealingTest, AnAsynchronousHandlerGetsItToo) {
  const std::string file = keys("keys", {"k1"});
  Client client = producer(file);
  client.enqueue(Letter{"later"});
  Handlers handlers;
  handlers.on_async<Letter>([this](const JobContext&, Letter letter, Completion end) {
    received.add(letter.text);
    end.done();
  });
  RunningWorker worker(with_keys(file), handlers);
  ASSERT_TRUE(settled(1, 0));
  EXPECT_EQ(received.times("later"), 1);
}

TEST_F(SealingTest, ARetriedADelayedAndARevivedJobStaySealedAndOpen) {
  const std::string file = keys("keys", {"k1"});
  Client client = producer(file);
  EnqueueOptions later;
  later.run_after = 1ms;
  // Several delayed ones: they come back as a bundle.
  for (int i = 0; i < 20; ++i) client.enqueue(Letter{"late " + std::to_string(i)}, later);
  client.enqueue(Letter{"twice"});
  const JobId bad = client.enqueue(Letter{"bad"});
  {
    RunningWorker worker(with_keys(file), handlers());
    ASSERT_TRUE(settled(21, 1));
  }
  EXPECT_EQ(received.times("twice"), 2);
  EXPECT_EQ(received.times("late 19"), 1);
  const JobInfo dead = only_dead();
  EXPECT_EQ(dead.sealed_with, "k1");
  EXPECT_EQ(dead.reason, "declined");
  EXPECT_THAT(queue.dead_payload(bad).value(), Not(HasSubstr("bad")));
  EXPECT_THAT(queue.dead_payload(bad, file).value(), HasSubstr("bad"));
  EXPECT_EQ(queue.retry_dead(std::vector{bad}), 1);
  RunningWorker worker(with_keys(file), handlers());
  ASSERT_TRUE(eventually([&] { return received.times("bad") == 2; }));
  ASSERT_TRUE(settled(21, 1));
  EXPECT_TRUE(queue.audit().balanced());
}

TEST_F(SealingTest, AJobOfAKilledWorkerOpensInAnother) {
  const std::string file = keys("keys", {"k1"});
  const std::string note = folder_.file("note");
  producer(file).enqueue(Letter{"held"});
  {
    Child dying({"--worker", redis.url(), file, note});
    ASSERT_TRUE(eventually([&] {
      std::string text;
      std::ifstream(note) >> text;
      return text == "held";
    }));
    dying.signal(SIGKILL);
    dying.wait();
  }
  RunningWorker worker(with_keys(file), handlers());
  ASSERT_TRUE(settled(1, 0));
  EXPECT_EQ(received.times("held"), 1);
}

class SealingMovedTest : public SealingTest, public testing::WithParamInterface<std::string> {
 protected:
  /// The stored envelope with one job, changed.
  std::string changed(const std::string& bytes) {
    wire::StoredEnvelope stored;
    EXPECT_EQ(wire::decode(bytes, stored), "");
    wire::StoredJob job = stored.jobs.at(0);
    std::string payload(job.payload);
    if (GetParam() == "id") job.id = wire::id_after(job.id, 1);
    if (GetParam() == "kind") job.kind = "parcel";
    if (GetParam() == "bit") payload[payload.size() / 2] ^= 1;
    if (GetParam() == "cut") payload.pop_back();
    if (GetParam() == "short") payload.resize(39);
    if (GetParam() == "empty") payload.clear();
    job.payload = payload;
    wire::EnvelopeWriter writer(job.id);
    writer.add_moved(job, job.extras);
    return writer.finish();
  }
};

TEST_P(SealingMovedTest, IsADeadLetterAtOnceAndNoHandlerSeesIt) {
  const std::string file = keys("keys", {"k1"});
  const std::string from = GetParam() == "queue" ? "other" : "default";
  producer(file, from).enqueue(Letter{"for one place"});
  const std::string bytes = stored_entry(from);
  EXPECT_EQ(queue.purge(), from == "default" ? 1 : 0);
  enqueue_raw(changed(bytes));
  RunningWorker worker(with_keys(file), handlers({.max_attempts = 5}));
  if (GetParam() == "nothing") {
    ASSERT_TRUE(settled(1, 0));
    return;
  }
  ASSERT_TRUE(settled(0, 1));
  const JobInfo dead = only_dead();
  EXPECT_THAT(dead.reason, AllOf(HasSubstr("payload cannot be opened: "), HasSubstr("'k1'")));
  EXPECT_EQ(dead.attempts, 1);
  EXPECT_EQ(received.size(), 0u);
  const Error error = error_from([&] { queue.dead_payload(dead.id, file); });
  EXPECT_EQ(error.code(), ErrorCode::corrupt);
}

INSTANTIATE_TEST_SUITE_P(Changes, SealingMovedTest,
                         testing::Values("nothing", "id", "kind", "queue", "bit", "cut", "short",
                                         "empty"),
                         [](const auto& change) { return change.param; });

TEST_F(SealingTest, AfterARotationOldAndNewJobsOpen) {
  producer(keys("old", {"k1"})).enqueue(Letter{"old"});
  const std::string both = keys("both", {"k2", "k1"});
  producer(both).enqueue(Letter{"new"});
  RunningWorker worker(with_keys(both), handlers());
  ASSERT_TRUE(settled(2, 0));
  EXPECT_EQ(received.size(), 2u);
}

TEST_F(SealingTest, AMissingKeyIsRetriedThenNamedAndItsReturnSavesTheJob) {
  const JobId id = producer(keys("old", {"k1"})).enqueue(Letter{"old"});
  const HandlerOptions thrice{.max_attempts = 3, .backoff = {1ms, 1ms}};
  for (const std::string& file : {keys("new", {"k2"}), std::string()}) {
    RunningWorker worker(with_keys(file), handlers(thrice));
    ASSERT_TRUE(settled(0, 1));
    const JobInfo dead = only_dead();
    EXPECT_THAT(dead.reason, AllOf(HasSubstr("after 3 attempts"), HasSubstr("key 'k1'")));
    EXPECT_EQ(received.size(), 0u);
    worker.stop();
    if (!file.empty()) {
      EXPECT_EQ(queue.retry_dead(std::vector{id}), 1);
    }
  }
  EXPECT_THAT(error_from([&] { queue.dead_payload(id, keys("new", {"k2"})); }).what(),
              HasSubstr("key 'k1'"));
  EXPECT_EQ(queue.retry_dead(std::vector{id}), 1);
  RunningWorker worker(with_keys(keys("both", {"k2", "k1"})), handlers(thrice));
  ASSERT_TRUE(settled(1, 0));
  EXPECT_EQ(received.times("old"), 1);
}

TEST_F(SealingTest, APlainPayloadIsRefusedByAWorkerWithKeysUnlessItIsToldOtherwise) {
  const std::string file = keys("keys", {"k1"});
  const JobId letter = producer("").enqueue(Letter{"plain"});
  const JobId parcel = producer("").enqueue(Parcel{"plain parcel"});
  {
    RunningWorker worker(with_keys(file), handlers());
    ASSERT_TRUE(settled(0, 2));
  }
  EXPECT_THAT(queue.dead(letter)->reason, HasSubstr("not sealed"));
  EXPECT_THAT(queue.dead(parcel)->reason, HasSubstr("accept_plain_payloads"));
  EXPECT_EQ(received.size(), 0u);
  EXPECT_EQ(queue.retry_all_dead(), 2);
  producer(file).enqueue(Letter{"sealed"});
  WorkerOptions options = with_keys(file);
  options.accept_plain_payloads = true;
  RunningWorker worker(options, handlers());
  ASSERT_TRUE(settled(3, 0));
  EXPECT_EQ(received.times("plain"), 1);
  EXPECT_EQ(received.times("sealed"), 1);
}

// To a worker of an older version the flag is what an unknown flag is to this one.
TEST_F(SealingTest, AWorkerThatDoesNotKnowTheFlagPutsTheEnvelopeOff) {
  const std::string file = keys("keys", {"k1"});
  producer(file).enqueue(Letter{"sealed"});
  std::string bytes = stored_entry();
  EXPECT_EQ(queue.purge(), 1);
  ASSERT_EQ(bytes[2], wire::flag_own_ids | wire::flag_sealed);
  bytes[2] = wire::flag_own_ids | 32;
  enqueue_raw(bytes);
  RunningWorker worker(with_keys(file), handlers());
  redis::Connection connection(redis_options(redis));
  connection.connect();
  const Keys names("ferry", "default");
  ASSERT_TRUE(eventually([&] { return queue.counts().workers == 1; }));
  ASSERT_TRUE(eventually([&] {
    const auto held = connection.call({"XPENDING", names.ready[1], group_name, "-", "+", "10"});
    // The name that `put_off` in lease.lua leaves them under.
    return held->root().size == 1 && held->root()[0][1].text == "~newer";
  }));
  EXPECT_EQ(queue.counts().dead, 0);
  EXPECT_EQ(received.size(), 0u);
}

TEST_F(SealingTest, TheLimitOfAPayloadCountsWhatSealingAdds) {
  Client client = producer(keys("keys", {"k1"}));
  constexpr std::size_t most = 8 * 1024 * 1024;
  EXPECT_NO_THROW(client.enqueue_packed("letter", std::string(most - 40, 'x')));
  const Error error =
      error_from([&] { client.enqueue_packed("letter", std::string(most - 39, 'x')); });
  EXPECT_EQ(error.code(), ErrorCode::oversized);
  EXPECT_THAT(error.what(), HasSubstr("when sealed"));
}

TEST_F(SealingTest, SixtyFourBytesMoreAJobWithAKeyOfTwoLetters) {
  producer("").enqueue(Letter{"text"});
  const std::size_t plain = stored_entry().size();
  EXPECT_EQ(queue.purge(), 1);
  producer(keys("keys", {"k1"})).enqueue(Letter{"text"});
  EXPECT_EQ(stored_entry().size(), plain + 64);
}

TEST_F(SealingTest, BadFilesAreRefusedBeforeAnythingStarts) {
  ClientOptions producing = client_options(redis);
  producing.payload_keys_file = folder_.file("none");
  EXPECT_THAT(error_from([&] { Client{producing}; }).what(), HasSubstr("payload_keys_file"));
  EXPECT_THAT(error_from([&] { Worker(with_keys(folder_.file("none")), handlers()); }).what(),
              HasSubstr("payload_keys_file"));
}

}  // namespace
}  // namespace ferry::test

int main(int count, char** words) {
  if (count == 5 && std::string(words[1]) == "--worker") {
    return ferry::test::worker_role(words + 2);
  }
  testing::InitGoogleTest(&count, words);
  return RUN_ALL_TESTS();
}
