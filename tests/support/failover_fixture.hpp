#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "functions/keys.hpp"
#include "support/replica_set.hpp"
#include "support/running_worker.hpp"
#include "support/sentinel_set.hpp"
#include "support/wait.hpp"

namespace ferry::test {

struct Parcel {
  static constexpr std::string_view kind = "parcel";
  int number = 0;
  std::string filling{};
  MSGPACK_DEFINE_MAP(number, filling)
};

/// How often each parcel was delivered.
class Deliveries {
 public:
  void note(int number) {
    const std::scoped_lock lock(mutex_);
    ++times_[number];
  }
  std::map<int, int> read() const {
    const std::scoped_lock lock(mutex_);
    return times_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<int, int> times_;
};

/// Handlers stand here until it is opened.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int arrived() const {
    const std::scoped_lock lock(mutex_);
    return arrived_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int arrived_ = 0;
};

/// A worker's destructor waits for its handlers, also when a test has failed before it opened the
/// gate.
struct OpenAtEnd {
  Gate& gate;
  ~OpenAtEnd() { gate.open(); }
};

/// A thread that enqueues portions until told to stop, and notes what was accepted.
class Producer {
 public:
  Producer(ClientOptions options, int first_number, int portion, std::size_t filling)
      : client_(std::move(options)),
        next_(first_number),
        portion_(portion),
        filling_(filling, 'x'),
        thread_([this] { run(); }) {}
  ~Producer() { stop(); }

  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int accepted_count() const { return accepted_count_; }
  /// After `stop`.
  const std::set<int>& accepted() const { return accepted_; }
  int refused() const { return refused_; }
  ClientStats stats() const { return client_.stats(); }

 private:
  void run() {
    while (!stop_) {
      std::vector<Parcel> parcels;
      for (int i = 0; i < portion_; ++i) parcels.push_back({next_ + i, filling_});
      const auto results = client_.enqueue_all(parcels);
      for (std::size_t i = 0; i < results.size(); ++i) {
        if (results[i]) {
          accepted_.insert(parcels[i].number);
        } else {
          ++refused_;
          std::printf("refused: %s\n", results[i].error->what());
        }
      }
      next_ += portion_;
      accepted_count_ = static_cast<int>(accepted_.size());
      // A few thousand jobs in a second; the test waits for events, not for this.
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
  }

  Client client_;
  int next_;
  const int portion_;
  const std::string filling_;
  std::set<int> accepted_;
  std::atomic<int> refused_{0};
  std::atomic<int> accepted_count_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// A primary with two replicas, watched by three sentinels: every test begins with a healthy set.
class FailoverTest : public testing::Test {
 protected:
  void SetUp() override {
    servers = ReplicaSet::start(2);
    if (!servers) return;
    sentinels.emplace(*servers, 3);
    ASSERT_TRUE(sentinels->ready(2));
  }

  ClientOptions client_options(Durability durability = Durability::fast()) const {
    ClientOptions options;
    options.redis.url = sentinels->url();
    options.durability = durability;
    return options;
  }
  WorkerOptions worker_options() const {
    WorkerOptions options = test::worker_options((*servers)[0]);
    options.redis.url = sentinels->url();
    return options;
  }
  Queue queue() const { return Queue({.url = sentinels->url()}, "default"); }

  /// Returns: the number of the new primary.
  std::size_t fail_over() {
    (*servers)[0].kill();
    servers->thaw_all();
    const auto promoted = sentinels->wait_for_another_than(0);
    if (!promoted) throw std::runtime_error("the sentinels promoted nobody");
    return *promoted;
  }

  /// Waits until the only worker has told so often that it is alive.
  bool wait_for_heartbeats(int beats) {
    redis::Connection look({.url = (*servers)[0].url()});
    std::string last;
    int seen = -1;  // what stands there already is none
    return eventually([&] {
      const auto workers = look.call({"HVALS", Keys("ferry", "default").workers});
      const std::string now = show(workers->root());
      if (now != std::exchange(last, now)) ++seen;
      return seen >= beats;
    });
  }

  /// Waits until the queue is empty.
  bool drained() const {
    return eventually(
        [&] {
          try {
            const QueueCounts counts = queue().counts();
            return counts.waiting + counts.leased + counts.delayed == 0;
          } catch (const Error&) {
            return false;
          }
        },
        std::chrono::seconds{60});
  }

  std::unique_ptr<ReplicaSet> servers;
  std::optional<SentinelSet> sentinels;
};

}  // namespace ferry::test
