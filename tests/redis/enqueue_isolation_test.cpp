// An error about one queue fails the jobs of that queue, at once where trying again cannot help,
// and neither fails nor holds up those of another queue in the same client, buffer or round trip.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <string>
#include <vector>

#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/client_fixture.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::Note;

/// One way in which a job is sent.
struct Form {
  const char* name;
  std::size_t payload_bytes;
  std::chrono::milliseconds run_after;
};

constexpr Form forms[] = {
    {"by the function", 10, 0ms}, {"by a transaction", 5000, 0ms}, {"delayed", 10, 1h}};

class EnqueueIsolationTest : public test::RedisTest {
 protected:
  using RedisTest::RedisTest;

  void SetUp() override {
    RedisTest::SetUp();
    if (!redis) return;
    admin.emplace(reach());
    admin->connect();
  }

  static EnqueueOptions to(const std::string& queue, const Form& form = forms[0]) {
    EnqueueOptions options;
    options.queue = queue;
    options.run_after = form.run_after;
    return options;
  }

  static std::vector<std::string> keys_of(const Keys& keys) {
    return {keys.state,   keys.producers, keys.due,      keys.parked,   keys.progress, keys.workers,
            keys.control, keys.dead,      keys.ready[0], keys.ready[1], keys.ready[2]};
  }

  /// Hands over jobs of both queues in turn, so that they share round trips.
  ///
  /// Returns: the errors of the jobs for the first queue; those for the other must be stored.
  std::vector<std::optional<ErrorCode>> interleave(Client& client, const std::string& wrong,
                                                   const Form& form) {
    constexpr int jobs = 20;
    std::vector<Receipt> of_wrong;
    std::vector<Receipt> of_sound;
    const std::string payload(form.payload_bytes, 'x');
    for (int i = 0; i < jobs; ++i) {
      of_wrong.push_back(client.enqueue_packed_async("note", payload, to(wrong, form)));
      of_sound.push_back(client.enqueue_packed_async("note", payload, to("sound", form)));
    }
    for (const Receipt& receipt : of_sound) {
      const EnqueueResult result = receipt.get();
      EXPECT_TRUE(result) << result.error->what();
    }
    sound_jobs += jobs;
    std::vector<std::optional<ErrorCode>> codes;
    for (const Receipt& receipt : of_wrong) {
      const EnqueueResult result = receipt.get();
      codes.push_back(result ? std::nullopt : std::optional(result.error->code()));
    }
    return codes;
  }

  void expect_sound_ones_stored() {
    const QueueCounts counts = Queue(reach(), "sound").counts();
    EXPECT_EQ(counts.accepted, sound_jobs);
    EXPECT_EQ(counts.waiting + counts.delayed, sound_jobs);
  }

  /// Enqueues one job that must fail.
  ///
  /// Returns: how often it was sent.
  static std::uint64_t tries(Client& client, const std::string& queue, const Form& form,
                             ErrorCode expected) {
    const std::uint64_t before = client.stats().round_trips;
    try {
      client.enqueue_packed("note", std::string(form.payload_bytes, 'x'), to(queue, form));
      ADD_FAILURE() << form.name << " was stored";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), expected) << error.what();
    }
    return client.stats().round_trips - before;
  }

  std::optional<redis::Connection> admin;
  std::int64_t sound_jobs = 0;
};

TEST_F(EnqueueIsolationTest, AKeyOfAnotherTypeFailsItsOwnQueueAlone) {
  int number = 0;
  for (const Form& form : forms) {
    Client client(client_options());
    for (std::size_t key = 0; key < keys_of(Keys("ferry", "x")).size(); ++key) {
      const std::string queue = "wrong" + std::to_string(++number);
      const std::string name = keys_of(Keys("ferry", queue))[key];
      SCOPED_TRACE(name + ' ' + form.name);
      admin->call({"SET", name, "something else"});
      for (const auto& code : interleave(client, queue, form)) {
        if (code) {
          EXPECT_EQ(*code, ErrorCode::internal);
        }
      }
    }
  }
  expect_sound_ones_stored();
}

TEST_F(EnqueueIsolationTest, AKeyOfAnotherTypeIsToldAtOnce) {
  Client client(client_options());
  client.enqueue(Note{1}, to("sound"));  // connects
  int number = 0;
  for (const Form& form : forms) {
    for (const char* which : {"state", "producers", "its own"}) {
      const std::string queue = "wrong" + std::to_string(++number);
      const Keys keys("ferry", queue);
      const bool delayed = form.run_after.count() > 0;
      const std::string& own = delayed ? keys.parked : keys.ready[1];
      const std::string key = std::string(which) == "state"       ? keys.state
                              : std::string(which) == "producers" ? keys.producers
                                                                  : own;
      admin->call({"SET", key, "something else"});
      EXPECT_EQ(tries(client, queue, form, ErrorCode::internal), 1) << key << ' ' << form.name;
    }
  }
}

TEST_F(EnqueueIsolationTest, AWithdrawnRightFailsItsOwnQueueAloneAndAtOnce) {
  const std::string url = "unix://someone:secret@" + redis->socket_path();
  admin->call({"ACL", "SETUSER", "someone", "on", ">secret", "+@all", "~*"});
  for (const Form& form : forms) {
    ClientOptions options = client_options();
    options.redis.url = url;
    admin->call({"ACL", "SETUSER", "someone", "resetkeys", "clearselectors", "+@all", "~*"});
    Client client(options);
    client.enqueue(Note{1}, to("wrong"));
    client.enqueue(Note{1}, to("sound"));
    ++sound_jobs;
    // From now on no key of the one, then no right to one of its commands or keys.
    const Keys keys("ferry", "wrong");
    const std::string rest = "~ferry:{sound:0}:* ~ferry:queues";
    for (const std::string& rule :
         {std::string(), "(+@all ~" + keys.state + ")", "(+@all -xadd -hsetnx ~" + keys.base + "*)",
          "(+@all -hset ~" + keys.base + "*)", "(+@all -hmget ~" + keys.base + "*)",
          "(+@all -fcall ~" + keys.base + "*)"}) {
      SCOPED_TRACE(std::string(form.name) + " with " + rule);
      std::vector<std::string_view> words{"ACL",
                                          "SETUSER",
                                          "someone",
                                          "resetkeys",
                                          "clearselectors",
                                          "-@all",
                                          "+@connection",
                                          "+multi",
                                          "+exec",
                                          "(+@all ~ferry:{sound:0}:* ~ferry:queues)",
                                          "+fcall",
                                          "+time"};
      if (!rule.empty()) words.push_back(rule);
      admin->call(words);
      for (const auto& code : interleave(client, "wrong", form)) EXPECT_EQ(code, ErrorCode::denied);
      EXPECT_EQ(tries(client, "wrong", form, ErrorCode::denied), 1);
    }
  }
  EXPECT_EQ(Queue(reach(), "sound").counts().accepted, sound_jobs);
}

TEST_F(EnqueueIsolationTest, AStreamAtItsLastIdFailsItsOwnQueueAlone) {
  const Keys keys("ferry", "wrong");
  Client client(client_options());
  client.enqueue(Note{1}, to("wrong"));
  admin->call({"XADD", keys.ready[1], "18446744073709551615-18446744073709551615", "e", "x"});
  for (const Form& form : {forms[0], forms[1]}) {
    SCOPED_TRACE(form.name);
    for (const auto& code : interleave(client, "wrong", form)) EXPECT_EQ(code, ErrorCode::internal);
    EXPECT_EQ(tries(client, "wrong", form, ErrorCode::internal), 1);
  }
  expect_sound_ones_stored();
}

TEST_F(EnqueueIsolationTest, BooksThatWereWrittenByHandFailTheirOwnQueueAlone) {
  Client client(client_options());
  for (const char* value : {"abc", "1e400", "-5", "9223372036854775807"}) {
    for (const Form& form : forms) {
      SCOPED_TRACE(std::string(form.name) + " with " + value);
      admin->call({"HSET", Keys("ferry", "wrong").state, "accepted", value, "bytes", value});
      interleave(client, "wrong", form);
      admin->call({"DEL", Keys("ferry", "wrong").state});
    }
  }
  expect_sound_ones_stored();
}

class SharedBufferTest : public EnqueueIsolationTest {
 protected:
  /// A client that has used both queues, the bounded one of which is full.
  ClientOptions bounded(WhenFull when_full) const {
    ClientOptions options = client_options();
    options.when_full = when_full;
    options.limits.max_jobs = 500;
    options.buffer_jobs = 200;
    options.block_timeout = 20s;
    return options;
  }

  void fill(const std::string& queue) {
    ClientOptions options = client_options();
    Client other(options);
    for (const auto& result : other.enqueue_all(std::vector<Note>(500), to(queue))) {
      ASSERT_TRUE(result);
    }
  }

  /// Fills the client's buffer with what the full queue does not take.
  static std::vector<Receipt> stuff(Client& client, int jobs) {
    std::vector<Receipt> receipts;
    for (int i = 0; i < jobs; ++i) receipts.push_back(client.enqueue_async(Note{i}, to("full")));
    return receipts;
  }
};

TEST_F(SharedBufferTest, AFullQueueLeavesRoomForTheOthers) {
  fill("full");
  Client client(bounded(WhenFull::block));
  client.enqueue(Note{1}, to("sound"));
  // More than fits in: whoever hands over the rest waits.
  auto stuck = std::async(std::launch::async, [&] { return stuff(client, 300); });
  ASSERT_TRUE(eventually([&] { return client.hint("full").depth_jobs == 500; }));
  for (const auto& result : client.enqueue_all(std::vector<Note>(400), to("sound"))) {
    EXPECT_TRUE(result);
  }
  EXPECT_EQ(Queue(reach(), "sound").counts().accepted, 401);
  EXPECT_EQ(stuck.wait_for(0s), std::future_status::timeout) << "the full queue's producer waits";
  Queue(reach(), "full").purge();
  for (const Receipt& receipt : stuck.get()) EXPECT_TRUE(receipt.get());
}

TEST_F(SharedBufferTest, AQueueThatIsUsedForTheFirstTimeFindsRoomToo) {
  fill("full");
  Client client(bounded(WhenFull::block));
  std::vector<Receipt> stuck = stuff(client, 200);
  ASSERT_TRUE(eventually([&] { return client.hint("full").depth_jobs == 500; }));
  for (const auto& result : client.enqueue_all(std::vector<Note>(400), to("sound"))) {
    EXPECT_TRUE(result);
  }
  EXPECT_FALSE(stuck.front().ready());
  Queue(reach(), "full").purge();
  for (const Receipt& receipt : stuck) EXPECT_TRUE(receipt.get());
}

TEST_F(SharedBufferTest, WhatAFullQueueHoldsIsShedBeforeTheJobsOfOthers) {
  fill("full");
  Client client(bounded(WhenFull::shed_oldest));
  client.enqueue(Note{0}, to("sound"));
  std::vector<Receipt> stuck = stuff(client, 60);
  ASSERT_TRUE(eventually([&] { return client.hint("full").depth_jobs == 500; }));
  admin->call({"CLIENT", "PAUSE", "60000", "WRITE"});
  std::vector<Receipt> sound;
  for (int i = 0; i < 80; ++i) sound.push_back(client.enqueue_async(Note{i}, to("sound")));
  for (const Receipt& receipt : stuff(client, 400)) stuck.push_back(receipt);
  EXPECT_GE(client.stats().shed_jobs, 250u);
  admin->call({"CLIENT", "UNPAUSE"});
  for (const Receipt& receipt : sound) EXPECT_TRUE(receipt.get());
  Queue(reach(), "full").purge();
}

}  // namespace
}  // namespace ferry
