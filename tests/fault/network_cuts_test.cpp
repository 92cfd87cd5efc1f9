// Connections that end in the middle: of a request, of a reply, behind every byte of it. Nothing is
// lost, nothing is stored or run twice.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "ferry/client.hpp"
#include "support/effects.hpp"
#include "support/proxy.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Effects;
using test::eventually;
using test::Proxy;
using test::RunningWorker;
using test::Task;

/// Most of a cut's time is the wait before the next try: so several go on side by side.
constexpr int lane_count = 4;

/// What stands on one side of the sweep: a queue, a proxy of its own, and a client and a worker of
/// which one goes through it.
struct Lane {
  enum class Through : std::uint8_t { client, worker };

  Lane(const PrivateRedis& redis, int lane, Through through)
      : name("lane" + std::to_string(lane)),
        proxy(redis.socket_path(), redis.socket_path() + "." + name),
        queue(test::redis_options(redis), name) {
    ClientOptions options = test::client_options(redis);
    options.queue = name;
    if (through == Through::client) options.redis.url = proxy.url();
    client.emplace(options);
  }

  WorkerOptions worker_options(const PrivateRedis& redis, Through through) const {
    WorkerOptions options = test::worker_options(redis);
    options.queues = {{name, 1}};
    options.lease = 3s;  // no cut may cost a lease
    options.log.level = LogLevel::off;
    if (through == Through::worker) options.redis.url = proxy.url();
    return options;
  }

  std::string name;
  Proxy proxy;
  Queue queue;
  std::optional<Client> client;
  Effects effects;
  int rounds = 0;
  int cuts = 0;
};

class NetworkCutsTest : public testing::Test {
 protected:
  /// Calls `sweep` for each lane in a thread of its own.
  void in_lanes(const std::function<void(int)>& sweep) {
    std::vector<std::thread> threads;
    for (int lane = 0; lane < lane_count; ++lane) threads.emplace_back(sweep, lane);
    for (std::thread& thread : threads) thread.join();
  }

  /// Cuts a worker's traffic behind every byte, from 0 until there is nothing more to cut.
  ///
  /// `give` hands jobs over, `settled` says whether the worker has heard of the end of all of them.
  struct Sweep {
    std::string word;
    bool of_request = false;
    Handlers handlers{};
    std::function<void(Lane&)> give{};
    std::function<bool(Lane&, Worker&)> settled{};
    std::chrono::milliseconds lease{3000};
    int end = 4000;
  };
  int cut_worker(const Sweep& sweep, Lane& lane, int first) {
    auto options = lane.worker_options(redis, Lane::Through::worker);
    options.lease = sweep.lease;
    RunningWorker worker(options, sweep.handlers);
    for (int at = first; at < sweep.end; at += lane_count) {
      if (sweep.of_request) {
        lane.proxy.cut_request_with(sweep.word, at);
      } else {
        lane.proxy.cut_reply_to(sweep.word, at);
      }
      sweep.give(lane);
      ++lane.rounds;
      if (!eventually([&] { return sweep.settled(lane, *worker); })) {
        ADD_FAILURE() << "stuck after a cut behind byte " << at;
        break;
      }
      if (lane.proxy.cut_pending()) break;
      ++lane.cuts;
    }
    lane.proxy.never_cut();
    EXPECT_EQ(worker->stats().stale, 0u);
    EXPECT_EQ(worker->stats().reclaimed_envelopes, 0u);
    return lane.cuts;
  }

  PrivateRedis redis;
};

/// One job in a round, done at its first run.
class CutsOfDoneJobsTest : public NetworkCutsTest {
 protected:
  int sweep(const std::string& word, bool of_request) {
    std::atomic<int> cuts{0};
    in_lanes([&](int number) {
      Lane lane(redis, number, Lane::Through::worker);
      Sweep sweep{word, of_request};
      sweep.handlers.on<Task>(
          [&](const JobContext&, const Task& task) { lane.effects.add(task.number); });
      sweep.give = [](Lane& to) { to.client->enqueue(Task{to.rounds}); };
      sweep.settled = [](Lane& of, Worker& worker) {
        return worker.stats().done == static_cast<std::uint64_t>(of.rounds);
      };
      cuts += cut_worker(sweep, lane, number);
      EXPECT_EQ(lane.effects.size(), static_cast<std::size_t>(lane.rounds));
      EXPECT_EQ(lane.effects.repeated(), 0u);
      test::expect_books_closed(lane.queue, lane.rounds);
    });
    return cuts;
  }
};

TEST_F(CutsOfDoneJobsTest, RunsNothingTwiceWhereverTheReplyToDoneIsCut) {
  EXPECT_GE(sweep("ferry_v1_finish", false), 16) << "[OK, 1] has so many bytes";
}

TEST_F(CutsOfDoneJobsTest, RunsNothingTwiceWhereverARequestOfDoneIsCut) {
  EXPECT_GE(sweep("ferry_v1_finish", true), 200);
}

TEST_F(CutsOfDoneJobsTest, RunsNothingTwiceWhereverTheReplyToAFetchIsCut) {
  EXPECT_GE(sweep("XREADGROUP", false), 100) << "an entry has more bytes than that";
}

/// Three jobs of one envelope in a round: one is done, one is tried again, one fails for good.
class CutsOfMixedJobsTest : public NetworkCutsTest {
 protected:
  int sweep(bool of_request) {
    std::atomic<int> cuts{0};
    in_lanes([&](int number) {
      Lane lane(redis, number, Lane::Through::worker);
      Sweep sweep{"ferry_v1_settle", of_request};
      sweep.handlers.on<Task>([&](const JobContext& context, const Task& task) {
        lane.effects.add(task.number);
        if (task.number % 3 == 2) return fail("declined");
        if (task.number % 3 == 1 && context.attempt == 1) return retry_after(0ms, "busy");
        return done();
      });
      sweep.give = [](Lane& to) {
        std::vector<Task> tasks;
        for (int i = 0; i < 3; ++i) tasks.push_back({3 * to.rounds + i});
        for (const auto& result : to.client->enqueue_all(tasks)) EXPECT_TRUE(result);
      };
      sweep.settled = [](Lane& of, Worker& worker) {
        const WorkerStats stats = worker.stats();
        const auto rounds = static_cast<std::uint64_t>(of.rounds);
        return stats.done == 2 * rounds && stats.retried == rounds && stats.failed == rounds;
      };
      cuts += cut_worker(sweep, lane, number);
      const auto times = lane.effects.read();
      EXPECT_EQ(times.size(), static_cast<std::size_t>(3 * lane.rounds));
      for (const auto& [task, runs] : times) EXPECT_EQ(runs, task % 3 == 1 ? 2 : 1) << task;
      test::expect_books_closed(lane.queue, 3 * lane.rounds, lane.rounds);
    });
    return cuts;
  }
};

TEST_F(CutsOfMixedJobsTest, KeepsEveryOutcomeWhereverTheReplyToASettleIsCut) {
  EXPECT_GE(sweep(false), 18) << "[OK, 3, 1] has so many bytes";
}

TEST_F(CutsOfMixedJobsTest, KeepsEveryOutcomeWhereverARequestToSettleIsCut) {
  EXPECT_GE(sweep(true), 500) << "two jobs travel in it, packed anew";
}

/// Jobs whose time has come: what promote has moved is moved, whether we hear of it or not.
TEST_F(NetworkCutsTest, MovesDueJobsOnceWhereverTheReplyToPromoteIsCut) {
  std::atomic<int> cuts{0};
  in_lanes([&](int number) {
    Lane lane(redis, number, Lane::Through::worker);
    Sweep sweep{"ferry_v1_promote"};
    sweep.handlers.on<Task>(
        [&](const JobContext&, const Task& task) { lane.effects.add(task.number); });
    sweep.give = [](Lane& to) {
      EnqueueOptions soon;
      soon.run_after = 1ms;
      to.client->enqueue(Task{to.rounds}, soon);
    };
    sweep.settled = [](Lane& of, Worker& worker) {
      return worker.stats().done == static_cast<std::uint64_t>(of.rounds);
    };
    cuts += cut_worker(sweep, lane, number);
    EXPECT_EQ(lane.effects.repeated(), 0u);
    test::expect_books_closed(lane.queue, lane.rounds);
  });
  EXPECT_GE(cuts, 10) << "[1, -1] has so many bytes";
}

TEST_F(NetworkCutsTest, KeepsItsLeaseWhereverTheReplyToAHeartbeatIsCut) {
  std::atomic<int> cuts{0};
  in_lanes([&](int number) {
    Lane lane(redis, number, Lane::Through::worker);
    Sweep sweep{"ferry_v1_beat"};
    sweep.lease = 600ms;  // a beat each 150 ms
    sweep.handlers.on<Task>(
        [&](const JobContext&, const Task& task) { lane.effects.add(task.number); });
    sweep.give = [](Lane& to) { to.client->enqueue(Task{to.rounds}); };
    sweep.end = 54;  // [OK, 0, 0, , 1, 1796067132640, 1, []] has so many bytes
    sweep.settled = [](Lane& of, Worker& worker) {
      return worker.stats().done == static_cast<std::uint64_t>(of.rounds) &&
             !of.proxy.cut_pending();
    };
    cuts += cut_worker(sweep, lane, number);
    EXPECT_EQ(lane.effects.repeated(), 0u);
    test::expect_books_closed(lane.queue, lane.rounds);
  });
  EXPECT_EQ(cuts, 54);
}

/// Half a call reaches Redis, then the producer's connection is gone.
class CutEnqueuesTest : public NetworkCutsTest {
 protected:
  /// `jobs` of `bytes` each in one call, cut at each of `places` (negative: from its end).
  void sweep(const std::string& word, int jobs, std::size_t bytes, const std::vector<int>& places) {
    in_lanes([&](int number) {
      Lane lane(redis, number, Lane::Through::client);
      int next = 0;
      const auto store = [&] {
        std::vector<Task> tasks;
        for (int i = 0; i < jobs; ++i) tasks.push_back({next++, std::string(bytes, 'x')});
        for (const auto& result : lane.client->enqueue_all(tasks)) EXPECT_TRUE(result);
      };
      store();
      for (std::size_t i = static_cast<std::size_t>(number); i < places.size(); i += lane_count) {
        lane.proxy.cut_request_with(word, places[i]);
        store();
        EXPECT_FALSE(lane.proxy.cut_pending()) << "the call is shorter than " << places[i];
      }
      EXPECT_EQ(lane.client->stats().duplicate_calls, 0u) << "half a call has stored something";
      EXPECT_EQ(lane.client->stats().lost_calls, 0u);
      drain(lane, next);
    });
  }

  void drain(Lane& lane, int jobs) {
    Handlers handlers;
    handlers.on<Task>([&](const JobContext&, const Task& task) { lane.effects.add(task.number); });
    RunningWorker worker(lane.worker_options(redis, Lane::Through::client), handlers);
    EXPECT_TRUE(eventually([&] { return lane.queue.counts().done == jobs; }));
    EXPECT_EQ(lane.effects.size(), static_cast<std::size_t>(jobs));
    EXPECT_EQ(lane.effects.repeated(), 0u);
    test::expect_books_closed(lane.queue, jobs);
  }

  static std::vector<int> range(int from, int to, int step = 1) {
    std::vector<int> places;
    for (int at = from; at < to; at += step) places.push_back(at);
    return places;
  }
};

TEST_F(CutEnqueuesTest, StoresOnceWhereverASmallCallIsCut) {
  auto places = range(0, 300);
  for (const int at : range(-150, 0)) places.push_back(at);
  sweep("ferry_v1_enqueue", 1, 10, places);
}

// MULTI, the opening, an envelope of some kilobytes, RENAMENX, EXEC: behind every byte of what
// carries it, and here and there inside of the envelope.
TEST_F(CutEnqueuesTest, StoresOnceWhereverATransactionIsCut) {
  auto places = range(0, 600);
  for (const int at : range(600, 2400, 97)) places.push_back(at);
  for (const int at : range(-160, 0)) places.push_back(at);
  sweep("ferry_v1_open", 20, 120, places);
}

// Half a megabyte at once: several calls, two of them under way, of which either may be the one.
TEST_F(CutEnqueuesTest, StoresOnceWhicheverOfTwoCallsUnderWayIsCut) {
  in_lanes([&](int number) {
    Lane lane(redis, number, Lane::Through::client);
    int next = 0;
    for (int cut = 0; cut < 12; ++cut) {
      lane.proxy.cut_request_with("ferry_v1_open", 1 + 5003 * cut + 1201 * number);
      std::vector<Task> tasks;
      for (int i = 0; i < 500; ++i) tasks.push_back({next++, std::string(1000, 'x')});
      for (const auto& result : lane.client->enqueue_all(tasks)) EXPECT_TRUE(result);
    }
    EXPECT_EQ(lane.client->stats().lost_calls, 0u);
    drain(lane, next);
  });
}

}  // namespace
}  // namespace ferry
