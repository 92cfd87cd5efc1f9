// Programs of different versions at one Redis: envelopes, function libraries, clients, workers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/setup.hpp"
#include "functions/keys.hpp"
#include "functions/library.hpp"
#include "redis/connection.hpp"
#include "stages/decode.hpp"
#include "support/effects.hpp"
#include "support/running_worker.hpp"
#include "support/traffic.hpp"
#include "support/wait.hpp"
#include "wire/envelope.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Effects;
using test::eventually;
using test::RunningWorker;
using test::Task;

constexpr char unknown_flag = 64;
constexpr char later_version = 2;

std::string envelope_of(int jobs) {
  static wire::JobIdSource ids;
  wire::EnvelopeWriter writer(ids.next(1'700'000'000'000));
  for (int i = 0; i < jobs; ++i) writer.add("task", "\x80", 1'700'000'000'000'000);
  return writer.finish();
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// This library as it might have been once: fewer functions, under a lower revision.
std::string older_library() {
  std::string text =
      replaced(std::string(library_text()),
               "local revision = " + std::to_string(library_revision()), "local revision = 0");
  for (const std::string name : {"ferry_v1_open", "ferry_v1_put_off"}) {
    text = replaced(text, "'" + name + "'", "'" + name + "_is_not_there_yet'");
  }
  return text;
}

class SkewTest : public testing::Test {
 protected:
  WorkerOptions options() const {
    WorkerOptions worker = test::worker_options(redis);
    worker.log.level = LogLevel::off;
    return worker;
  }
  Handlers handlers() {
    Handlers all;
    all.on<Task>([this](const JobContext&, const Task& task) { effects.add(task.number); });
    return all;
  }
  redis::ReplyPtr fcall(std::string_view name, std::vector<std::string_view> keys_and_arguments,
                        int key_count) {
    const std::string function = "ferry_v1_" + std::string(name);
    const std::string count = std::to_string(key_count);
    std::vector<std::string_view> words{"FCALL", function, count};
    words.insert(words.end(), keys_and_arguments.begin(), keys_and_arguments.end());
    return admin.call(words);
  }
  void let_in(std::string_view worker) {
    fcall("register",
          {keys.state, keys.workers, keys.ready[0], keys.ready[1], keys.ready[2], worker}, 5);
  }
  /// Stores one as a newer producer would.
  void store(std::string_view bytes, std::string_view sequence) {
    fcall("enqueue",
          {keys.state, keys.producers, keys.due, keys.parked, keys.ready[1], "newer producer",
           sequence, "0", "0", "0", "5", "0", "1", bytes},
          5);
  }
  /// Returns: pending entries of a name.
  std::vector<std::string> held_by(std::string_view worker) {
    const auto reply = admin.call({"XPENDING", keys.ready[1], group_name, "-", "+", "100", worker});
    std::vector<std::string> ids;
    for (const redis::Reply& entry : reply->root()) ids.emplace_back(entry[0].text);
    return ids;
  }
  /// Takes over what it can get and settles it, as a newer worker would.
  void run_as_newer_worker(std::string_view jobs_in_each) {
    const auto reply = fcall("reclaim",
                             {keys.state, keys.workers, keys.progress, keys.ready[0], keys.ready[1],
                              keys.ready[2], "newer", "500", "200"},
                             6);
    for (std::size_t i = 1; i < reply->root().size; ++i) {
      const redis::Reply& taken = reply->root()[i];
      EXPECT_EQ(taken[4].text, newer_holder);
      const std::string bytes = std::to_string(taken[2].text.size());
      fcall("done",  // any revision of the functions has it
            {keys.state, keys.workers, keys.progress, keys.ready[1], "newer", taken[1].text,
             jobs_in_each, bytes},
            4);
    }
    fcall("renew", {keys.state, keys.workers, "newer"}, 2);
  }

  PrivateRedis redis;
  Client client{test::client_options(redis)};
  Queue queue{test::redis_options(redis), "default"};
  redis::Connection admin{test::redis_options(redis)};
  Keys keys{"ferry", "default"};
  Effects effects;
};

TEST_F(SkewTest, AnOlderWorkerLeavesNewerEnvelopesToANewerOne) {
  for (int i = 0; i < 5; ++i) client.enqueue(Task{i});
  for (int i = 1; i <= 3; ++i) {
    std::string newer = envelope_of(4);
    newer[2] = unknown_flag;
    store(newer, std::to_string(i));
  }
  // This library would refuse it, a newer one would have counted it.
  std::string newest = envelope_of(4);
  newest[1] = later_version;
  admin.call({"XADD", keys.ready[1], "*", "e", newest});
  admin.call({"HINCRBY", keys.state, "accepted", "4"});
  admin.call({"HINCRBY", keys.state, "bytes", std::to_string(newest.size())});

  RunningWorker older(options(), handlers());
  for (int i = 5; i < 10; ++i) client.enqueue(Task{i});
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 10; }));
  // It is offered them again and again, and does not lose patience.
  ASSERT_TRUE(eventually([&] { return older->stats().fetched_envelopes >= 10 + 4 * 3; }));
  EXPECT_EQ(queue.counts().dead, 0);
  EXPECT_EQ(older->stats().reclaimed_envelopes, 0u) << "nobody fell silent";

  let_in("newer");
  ASSERT_TRUE(eventually([&] {
    run_as_newer_worker("4");
    return queue.counts().done == 10 + 4 * 4;
  }));
  older.stop();
  EXPECT_EQ(effects.size(), 10u);
  EXPECT_EQ(effects.repeated(), 0u);
  test::expect_books_closed(queue, 26);
}

TEST_F(SkewTest, TheNewerWorkerRunsThemAsIfNobodyHadHeldThem) {
  static_cast<void>(client.enqueue_all(std::vector<Task>(20)));
  let_in("older");
  admin.call({"XREADGROUP", "GROUP", group_name, "older", "STREAMS", keys.ready[1], ">"});
  const auto held = held_by("older");
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(fcall("put_off", {keys.workers, keys.ready[1], "older", held[0]}, 2)->root()[1].integer,
            1);
  EXPECT_EQ(fcall("put_off", {keys.workers, keys.ready[1], "older", held[0]}, 2)->root()[1].integer,
            0)
      << "a repeated call changes nothing";
  EXPECT_EQ(held_by(newer_holder), held);
  std::atomic<std::size_t> largest{0};
  Handlers batches;
  batches.on_batch<Task>(fixed(20, 50ms), [&](Batch<Task>& batch) {
    if (batch.size() > largest) largest = batch.size();
  });
  RunningWorker newer(options(), batches);
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 20; }));
  EXPECT_EQ(largest, 20u) << "suspects would have run one by one";
  test::expect_books_closed(queue, 20);
}

TEST_F(SkewTest, OnlyTheHolderPutsOff) {
  client.enqueue(Task{1});
  let_in("older");
  let_in("other");
  admin.call({"XREADGROUP", "GROUP", group_name, "older", "STREAMS", keys.ready[1], ">"});
  const auto held = held_by("older");
  const auto put_off = [&](std::string_view worker) {
    return fcall("put_off", {keys.workers, keys.ready[1], worker, held[0]}, 2);
  };
  EXPECT_EQ(put_off("other")->root()[1].integer, 0);
  EXPECT_EQ(put_off("a stranger")->root()[0].text, "STALE");
  EXPECT_EQ(held_by("older"), held);
}

TEST(SkewDecodeTest, BuriesANewerEnvelopeWhenItsHourIsOver) {
  using detail::Time;
  const auto wall = std::chrono::system_clock::now();
  for (const auto& [at, value] : {std::pair{1, later_version}, std::pair{2, unknown_flag}}) {
    std::string bytes = envelope_of(3);
    bytes[static_cast<std::size_t>(at)] = value;
    detail::LeasedEnvelope envelope;
    envelope.id = {5, 0};
    envelope.bytes = bytes;
    detail::Patience patience;
    detail::UnknownKinds unknown{UnknownKind::waits};
    detail::Decoded first;
    detail::decode_envelope(envelope, {}, 3, patience, unknown, Time{1h}, wall, 0, first);
    EXPECT_EQ(first.report.leavings.size(), 1u);
    EXPECT_TRUE(first.report.burials.empty());
    detail::Decoded last;
    detail::decode_envelope(envelope, {}, 3, patience, unknown, Time{2h}, wall, 0, last);
    EXPECT_TRUE(last.report.leavings.empty());
    EXPECT_EQ(last.report.burials.size(), 1u);
  }
}

TEST(SkewDecodeTest, BuriesGarbageAtOnce) {
  for (const std::string& bytes : {std::string(), std::string("\x95"), std::string("\x95\xff\x01"),
                                   std::string(40, 'x'), std::string("\x95\x01\x00\x00")}) {
    detail::LeasedEnvelope envelope;
    envelope.bytes = bytes;
    detail::Patience patience;
    detail::UnknownKinds unknown{UnknownKind::waits};
    detail::Decoded decoded;
    detail::decode_envelope(envelope, {}, 3, patience, unknown, {}, {}, 0, decoded);
    EXPECT_EQ(decoded.report.burials.size(), 1u);
  }
}

/// Jobs flow while `change` happens to the functions.
class LibrarySkewTest : public SkewTest {
 protected:
  template <typename Change>
  void while_jobs_flow(Change change) {
    test::Traffic traffic(test::client_options(redis), 2);
    RunningWorker worker(options(), handlers());
    const auto flows_on = [&] {
      const std::size_t run = effects.size();
      const int accepted = traffic.accepted();
      ASSERT_TRUE(eventually(
          [&] { return effects.size() > run + 200 && traffic.accepted() > accepted + 200; }));
    };
    flows_on();
    change();
    flows_on();
    const int accepted = traffic.stop();
    ASSERT_TRUE(eventually([&] { return queue.counts().done == accepted; }));
    EXPECT_EQ(traffic.lost_calls(), 0u);
    EXPECT_EQ(effects.repeated(), 0u);
    test::expect_books_closed(queue, accepted);
  }
  std::int64_t revision() { return fcall("revision", {}, 0)->root().integer; }
};

TEST_F(LibrarySkewTest, ALaterRevisionIsUsedAndLeftAlone) {
  const std::string later =
      replaced(std::string(library_text()),
               "local revision = " + std::to_string(library_revision()), "local revision = 99");
  while_jobs_flow([&] { admin.call({"FUNCTION", "LOAD", "REPLACE", later}); });
  Client(test::client_options(redis)).enqueue(Task{-1});
  EXPECT_EQ(revision(), 99);
}

TEST_F(LibrarySkewTest, AnOlderRevisionIsReplacedByTheFirstNewProgram) {
  admin.call({"FUNCTION", "LOAD", "REPLACE", older_library()});
  EXPECT_EQ(revision(), 0);
  store(envelope_of(1), "1");
  RunningWorker worker(options(), handlers());
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 1; }));
  EXPECT_EQ(revision(), library_revision());
}

TEST_F(LibrarySkewTest, AnOlderRevisionLoadedByHandIsReplacedAsSoonAsAFunctionIsMissed) {
  while_jobs_flow([&] { admin.call({"FUNCTION", "LOAD", "REPLACE", older_library()}); });
  EXPECT_EQ(revision(), library_revision());
}

TEST_F(LibrarySkewTest, TwoProtocolsLiveSideBySide) {
  const std::string next = replaced(std::string(library_text()), "ferry_v1", "ferry_v2");
  while_jobs_flow([&] { admin.call({"FUNCTION", "LOAD", next}); });
  EXPECT_EQ(admin.call({"FCALL", "ferry_v2_revision", "0"})->root().integer, library_revision());
  EXPECT_EQ(revision(), library_revision());
}

}  // namespace
}  // namespace ferry
