#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "scratch_folder.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry::test {

struct Letter {
  static constexpr std::string_view kind = "letter";
  std::string text;
  MSGPACK_DEFINE_MAP(text)
};
struct Parcel {
  static constexpr std::string_view kind = "parcel";
  std::string text;
  MSGPACK_DEFINE_MAP(text)
};

/// What handlers were given, and how often.
class Received {
 public:
  /// Returns: how often it came, this time included.
  int add(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return ++texts_[text];
  }
  int times(const std::string& text) const {
    const std::lock_guard lock(mutex_);
    const auto found = texts_.find(text);
    return found == texts_.end() ? 0 : found->second;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return texts_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> texts_;
};

/// A server, key files, and producers and workers that use them.
class SealingTest : public testing::Test {
 protected:
  explicit SealingTest(PrivateRedisOptions options = {}) : redis(std::move(options)) {}

  /// A file with keys of those names, the first in front.
  std::string keys(const std::string& name, const std::vector<std::string>& ids) const {
    std::string text;
    for (const std::string& id : ids) text += id + ' ' + hex_of(id) + '\n';
    const std::string path = folder_.file(name);
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0600);
    return path;
  }
  /// The key of a name, always the same one.
  static std::string hex_of(const std::string& id) {
    std::string hex;
    while (hex.size() < 64) {
      for (const char c : id) hex += "0123456789abcdef"[(c + hex.size()) % 16];
    }
    return hex.substr(0, 64);
  }

  Client producer(const std::string& keys_file, const std::string& queue_name = "default") const {
    ClientOptions options = client_options(redis);
    options.queue = queue_name;
    options.payload_keys_file = keys_file;
    return Client(options);
  }

  WorkerOptions with_keys(const std::string& keys_file) const {
    WorkerOptions options = worker_options(redis);
    options.payload_keys_file = keys_file;
    return options;
  }

  /// Notes what it is given; a text that begins with "twice" throws the first time, one that begins
  /// with "bad" fails.
  Handlers handlers(HandlerOptions options = {
                        .backoff = {std::chrono::milliseconds{1}, std::chrono::milliseconds{1}}}) {
    Handlers handlers;
    handlers.on<Letter>(
        [this](const JobContext&, const Letter& letter) -> Outcome {
          const int times = received.add(letter.text);
          if (letter.text.starts_with("bad")) return fail("declined");
          if (letter.text.starts_with("twice") && times == 1) return retry("once more");
          return done();
        },
        options);
    handlers.on_batch<Parcel>(
        fixed(10, std::chrono::milliseconds{5}),
        [this](Batch<Parcel>& batch) {
          for (auto& parcel : batch) received.add(parcel->text);
        },
        options);
    return handlers;
  }

  /// The one entry of a stream, as stored.
  std::string stored_entry(const std::string& queue_name = "default") {
    const Keys names("ferry", queue_name);
    redis::Connection connection(redis_options(redis));
    connection.connect();
    const auto reply = connection.call({"XRANGE", names.ready[1], "-", "+"});
    EXPECT_EQ(reply->root().size, 1u);
    return std::string(reply->root()[0][1][1].text);
  }

  /// As a producer with a bug does, or an attacker.
  void enqueue_raw(std::string_view envelope, const std::string& queue_name = "default") {
    const Keys names("ferry", queue_name);
    redis::Connection connection(redis_options(redis));
    connection.connect();
    const std::string producer = "raw" + std::to_string(++raw_);
    const auto reply = connection.call({"FCALL", "ferry_v1_enqueue", "5", names.state,
                                        names.producers, names.due, names.parked, names.ready[1],
                                        producer, "1", "0", "0", "0", "5", "0", "1", envelope});
    ASSERT_EQ(reply->root()[0].text, "OK");
  }

  bool settled(std::int64_t done, std::int64_t dead) {
    return eventually([&] {
      const QueueCounts now = queue.counts();
      return now.done == done && now.dead == dead && now.waiting + now.leased + now.delayed == 0;
    });
  }

  JobInfo only_dead() {
    const JobPage page = queue.jobs(JobState::dead);
    EXPECT_EQ(page.jobs.size(), 1u);
    return page.jobs.empty() ? JobInfo{} : page.jobs.front();
  }

  const ScratchFolder folder_;
  PrivateRedis redis;
  Received received;
  Queue queue{redis_options(redis), "default"};

 private:
  int raw_ = 0;
};

}  // namespace ferry::test
