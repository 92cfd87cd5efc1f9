// Bytes that a bug or an attacker put into a queue, met by a real worker: a process of its own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/child.hpp"
#include "support/hostile_samples.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Child;
using test::eventually;
using test::Hostile;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct Number {
  static constexpr std::string_view kind = "number";
  int value = 0;
  MSGPACK_DEFINE_MAP(value)
};

/// The child's role: a worker as anybody would write it. Argument: URL.
int worker_role(char** arguments) {
  Child::die_with_parent();
  WorkerOptions options;
  options.redis.url = arguments[0];
  options.concurrency = 4;
  options.log.level = LogLevel::off;
  options.print_stats_on_stop = false;
  Handlers handlers;
  handlers.on<Number>([](const JobContext&, const Number&) {});
  Worker worker(options, handlers);
  StopOnSignal stop(worker);
  return worker.run();
}

/// What the kernel says of a process's memory: VmRSS is in use now, VmHWM was at most.
std::int64_t status_kib(int pid, std::string_view field) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string word;
  while (status >> word) {
    if (word != field) continue;
    std::int64_t kib = 0;
    status >> kib;
    return kib;
  }
  return -1;
}

class HostileInputTest : public testing::Test {
 protected:
  void SetUp() override {
    connection.connect();
    worker = std::make_unique<Child>(std::vector<std::string>{"--worker", redis.url()});
    ASSERT_TRUE(eventually([&] { return queue.counts().workers == 1; }));
  }

  void TearDown() override {
    // The same process from the first job to the last.
    EXPECT_FALSE(worker->wait_for(0ms)) << "the worker has ended";
    worker->signal(SIGTERM);
    EXPECT_EQ(worker->wait(), 0);
  }

  /// As anybody can who may write to the stream.
  void add(std::initializer_list<std::string_view> fields) {
    std::vector<std::string_view> command{"XADD", keys.ready[1], "*"};
    command.insert(command.end(), fields.begin(), fields.end());
    connection.call(command);
  }

  /// As a producer with a bug does: the functions look at the head only, and count by it.
  void enqueue_raw(std::string_view envelope) {
    const std::string sequence = std::to_string(++sequence_);
    const auto reply = connection.call(
        {"FCALL", "ferry_v1_enqueue", "5", keys.state, keys.producers, keys.due, keys.parked,
         keys.ready[1], "producer", sequence, "0", "0", "0", "5", "0", "1", envelope});
    ASSERT_EQ(reply->root()[0].text, "OK");
  }

  void enqueue_good(int jobs) {
    for (const auto& result : client.enqueue_all(std::vector<Number>(jobs))) ASSERT_TRUE(result);
    good_ += jobs;
  }

  /// Waits until nothing is left to do, and checks that all good jobs were done and nothing else.
  void expect_good_done_and_dead(std::int64_t dead) {
    const bool over = eventually(
        [&] {
          const auto now = queue.counts();
          return now.done == good_ && now.dead >= dead && now.envelopes == 0;
        },
        60s);
    const auto now = queue.counts();
    EXPECT_TRUE(over) << now.done << " of " << good_ << " done, " << now.dead << " dead, "
                      << now.envelopes << " envelopes left";
    EXPECT_EQ(now.done, good_);
    EXPECT_EQ(now.dead, dead);
  }

  /// The dead letters that came last.
  std::vector<std::string> reasons() {
    std::vector<std::string> reasons;
    std::string from;
    do {
      const JobPage page = queue.jobs(JobState::dead, 1000, from);
      for (const JobInfo& job : page.jobs) reasons.push_back(job.reason);
      from = page.next;
    } while (!from.empty());
    return reasons;
  }

  PrivateRedis redis;
  Client client{test::client_options(redis)};
  Queue queue{test::redis_options(redis), "default"};
  redis::Connection connection{test::redis_options(redis)};
  Keys keys{"ferry", "default"};
  std::unique_ptr<Child> worker;
  std::int64_t good_ = 0;

 private:
  int sequence_ = 0;
};

TEST_F(HostileInputTest, BuriesWhatNoEnqueueCanHaveStoredAndKeepsTheBooks) {
  const auto all = test::without_head(1'000'000);
  for (const Hostile& hostile : all) {
    add({envelope_field, hostile.bytes});
    enqueue_good(3);
  }
  expect_good_done_and_dead(static_cast<std::int64_t>(all.size()));
  EXPECT_THAT(reasons(), AllOf(SizeIs(all.size()), Each(HasSubstr(all[0].reason))));
  EXPECT_THAT(queue.audit().violations, IsEmpty());
  // What has no head cannot go back to a stream, and does not keep others from it.
  EXPECT_EQ(queue.retry_all_dead(), 0);
  EXPECT_EQ(queue.drop_all_dead(), static_cast<std::int64_t>(all.size()));
  EXPECT_THAT(queue.audit().violations, IsEmpty());
}

TEST_F(HostileInputTest, BuriesEnvelopesThatLieAboutTheirBodies) {
  std::int64_t dead = 0;
  for (const Hostile& hostile : test::with_head()) {
    SCOPED_TRACE(hostile.name);
    enqueue_raw(hostile.bytes);
    enqueue_good(3);
    // A lying count is believed: it is what the queue accepted, so that is what is dead.
    dead += static_cast<std::int64_t>(wire::decode_head(hostile.bytes)->count);
    expect_good_done_and_dead(dead);
    const auto all = reasons();
    EXPECT_THAT(
        all, Contains(AllOf(HasSubstr("envelope cannot be decoded: "), HasSubstr(hostile.reason))));
  }
  EXPECT_THAT(reasons(), SizeIs(test::with_head().size()));
  EXPECT_THAT(queue.audit().violations, IsEmpty());
}

TEST_F(HostileInputTest, BuriesJobsWhosePayloadNoHandlerCanRead) {
  const auto all = test::payloads(1'000'000);
  for (const Hostile& hostile : all) {
    client.enqueue_packed("number", hostile.bytes);
    enqueue_good(3);
  }
  expect_good_done_and_dead(static_cast<std::int64_t>(all.size()));
  const auto found = reasons();
  for (const Hostile& hostile : all) {
    EXPECT_THAT(found, Contains(HasSubstr(hostile.reason))) << hostile.name;
  }
  EXPECT_THAT(queue.audit().violations, IsEmpty());
}

TEST_F(HostileInputTest, TheAuditShowsWhatWasStoredPastTheFunctions) {
  enqueue_good(3);
  add({envelope_field, wire::samples::envelope_with(0, 7, "garbage")});
  const bool buried = eventually([&] {
    const auto now = queue.counts();
    return now.dead == 7 && now.done == 3;
  });
  EXPECT_TRUE(buried);
  // Nobody accepted those seven, and nobody counted their bytes.
  EXPECT_THAT(queue.audit().violations, Contains(HasSubstr("-7 ")));
}

TEST_F(HostileInputTest, RunsAnEnvelopeThatIsStoredTwiceTwice) {
  const std::string twice = wire::samples::envelope_with(0, 1, test::good_body());
  enqueue_raw(twice);
  enqueue_raw(twice);
  good_ += 2;
  expect_good_done_and_dead(0);
  // The second dead letter with the same id is the same job.
  const std::string poison =
      wire::samples::envelope_with(0, 1, test::body_up_to_payload() + "\xc4\x01\xc1");
  enqueue_raw(poison);
  enqueue_raw(poison);
  expect_good_done_and_dead(1);
  EXPECT_TRUE(eventually([&] { return queue.counts().cancelled == 1; }));
  EXPECT_THAT(queue.audit().violations, IsEmpty());
}

TEST_F(HostileInputTest, SurvivesEntriesOfAnotherShape) {
  const std::string sound = wire::samples::envelope_with(0, 1, test::good_body());
  add({"x", "y"});
  add({"m", "x", "e", sound});
  add({"a", "1", "b", "2", "c", "3"});
  add({envelope_field, "", "m", std::string(100'000, 'x')});
  enqueue_good(3);
  expect_good_done_and_dead(4);
  EXPECT_THAT(queue.audit().violations, IsEmpty());
}

TEST_F(HostileInputTest, BuriesAnEnvelopeWhoseProgressLeavesNothingOpen) {
  const std::string sound = wire::samples::envelope_with(0, 1, test::good_body());
  for (const std::string_view marks : {"x", "xx", "9", "?"}) {
    enqueue_good(1);
    // Through the functions, so that it is accepted, then stored again with marks of its own.
    enqueue_raw(sound);
    good_ += 1;
    expect_good_done_and_dead(queue.counts().dead);
    add({envelope_field, sound, "m", marks});
    EXPECT_TRUE(eventually([&] { return queue.counts().envelopes == 0; })) << marks;
    good_ = queue.counts().done;
  }
}

TEST_F(HostileInputTest, HoldsFewOfTheEnvelopesThatInflateToSixtyFourMebibytes) {
  // Sound jobs, eight of nearly 8 MiB in an envelope, of zeros: some kilobytes as stored.
  const std::string payload = "\x82\xa5value\x01\xa3pad\xc6" +
                              wire::samples::big_endian_32(8'000'000) +
                              std::string(8'000'000, '\0');
  wire::EnvelopeWriter writer(wire::samples::first_id());
  for (int i = 0; i < 8; ++i) writer.add("number", payload, wire::samples::noon_us);
  const std::string envelope = writer.finish(1);
  ASSERT_LT(envelope.size(), 20'000u);
  worker->signal(SIGSTOP);  // so that all of them are there when it fetches
  for (int i = 0; i < 40; ++i) enqueue_raw(envelope);
  worker->signal(SIGCONT);
  good_ = 8 * 40;
  expect_good_done_and_dead(0);
  const std::int64_t most_kib = status_kib(worker->pid(), "VmHWM:");
  std::printf("at most resident: %ld KiB\n", static_cast<long>(most_kib));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LE(most_kib, 256 * 1024);  // one at a time is 71 MB; without a bound it was 570
#endif
}

TEST_F(HostileInputTest, TakesNoMemoryForThousandsOfHostileJobsAmongGoodOnes) {
  std::vector<std::string> envelopes;
  for (const Hostile& hostile : test::without_head()) envelopes.push_back(hostile.bytes);
  for (const Hostile& hostile : test::with_head()) envelopes.push_back(hostile.bytes);
  const auto payloads = test::payloads();
  std::int64_t dead = 0;
  const auto wave = [&](int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (const std::string& envelope : envelopes) {
        const auto head = wire::decode_head(envelope);
        if (head) {
          enqueue_raw(envelope);
        } else {
          add({envelope_field, envelope});
        }
        dead += head ? static_cast<std::int64_t>(head->count) : 1;
      }
      for (const Hostile& hostile : payloads) client.enqueue_packed("number", hostile.bytes);
      dead += static_cast<std::int64_t>(payloads.size());
      enqueue_good(20);
    }
    expect_good_done_and_dead(dead);
  };
  wave(10);
  const std::int64_t before_kib = status_kib(worker->pid(), "VmRSS:");
  ASSERT_GT(before_kib, 0);
  std::int64_t after_kib = 0;
  std::printf("resident: %ld KiB", static_cast<long>(before_kib));
  for (int i = 0; i < 3; ++i) {
    wave(35);  // 1500 hostile ones
    after_kib = status_kib(worker->pid(), "VmRSS:");
    std::printf(", then %ld KiB", static_cast<long>(after_kib));
  }
  std::printf("\n");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LE(after_kib - before_kib, 16 * 1024);
#endif
  EXPECT_THAT(queue.audit().violations, IsEmpty());
}

}  // namespace
}  // namespace ferry

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--worker") return ferry::worker_role(argv + 2);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
