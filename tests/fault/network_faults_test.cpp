// A network at its worst, while jobs flow: refused, silent, slow, stalling, resetting. Producers
// and workers get over it by themselves; nothing is lost, nothing is stored twice.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "support/effects.hpp"
#include "support/proxy.hpp"
#include "support/running_worker.hpp"
#include "support/traffic.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Effects;
using test::eventually;
using test::Proxy;
using test::RunningWorker;
using test::Traffic;

class NetworkFaultsTest : public testing::Test {
 protected:
  RedisOptions through(const Proxy& network) const {
    RedisOptions options;
    options.url = network.url();
    options.command_timeout = command_timeout;
    return options;
  }

  std::unique_ptr<RunningWorker> worker(const Proxy& network, std::chrono::milliseconds lease) {
    WorkerOptions options = test::worker_options(redis);
    options.redis = through(network);
    options.lease = lease;
    options.log.level = LogLevel::off;
    Handlers handlers;
    handlers.on<test::Task>(
        [this](const JobContext&, const test::Task& task) { effects.add(task.number); });
    return std::make_unique<RunningWorker>(options, handlers);
  }

  /// Two producers and two workers on a network; `fault` is what happens to it while jobs flow and
  /// leaves it healed. At the end everything is done, and what was done twice is counted.
  struct Losses {
    std::size_t run_twice = 0;
    std::uint64_t stale = 0;
    std::uint64_t reclaimed = 0;
    std::uint64_t producer_reconnects = 0;
    std::uint64_t worker_reconnects = 0;
  };
  Losses weather(Proxy& network, const std::function<void(Traffic&)>& fault,
                 std::chrono::milliseconds lease = 3s) {
    ClientOptions options;
    options.redis = through(network);
    Traffic traffic(options, 2);
    const auto first = worker(network, lease);
    const auto second = worker(network, lease);
    flows_on(traffic);
    fault(traffic);
    flows_on(traffic);
    const int accepted = traffic.stop();
    Queue queue(test::redis_options(redis), "default");
    EXPECT_TRUE(eventually([&] { return queue.counts().done == accepted; }));
    EXPECT_EQ(traffic.lost_calls(), 0u);
    EXPECT_EQ(effects.size(), static_cast<std::size_t>(accepted));
    test::expect_books_closed(queue, accepted);
    Losses losses;
    losses.run_twice = effects.repeated();
    losses.producer_reconnects = traffic.reconnects();
    for (const auto& each : {first.get(), second.get()}) {
      // Redis counts a job as done before its worker has read so.
      EXPECT_TRUE(eventually([&] { return (*each)->stats().credit_jobs_out == 0; }));
      const WorkerStats stats = (*each)->stats();
      losses.stale += stats.stale;
      losses.reclaimed += stats.reclaimed_envelopes;
      losses.worker_reconnects += stats.reconnects;
      EXPECT_EQ(stats.credit_jobs_free, stats.credit_jobs_total);
    }
    return losses;
  }

  /// Waits until more jobs were accepted and run.
  void flows_on(const Traffic& traffic) {
    const int accepted = traffic.accepted();
    const std::size_t run = effects.size();
    EXPECT_TRUE(eventually(
        [&] { return traffic.accepted() > accepted + 50 && effects.size() > run + 50; }));
  }

  PrivateRedis redis;
  Proxy unix_network{redis.socket_path(), redis.socket_path() + ".network"};
  Effects effects;
  std::chrono::milliseconds command_timeout{5000};
};

TEST_F(NetworkFaultsTest, GoesOnAfterAnHonestOutage) {
  const Losses losses = weather(unix_network, [&](Traffic&) {
    unix_network.refuse();
    std::this_thread::sleep_for(1s);
    unix_network.accept_again();
  });
  EXPECT_GE(losses.producer_reconnects, 1u);
  EXPECT_GE(losses.worker_reconnects, 1u);
  EXPECT_EQ(losses.stale + losses.reclaimed + losses.run_twice, 0u) << "shorter than a lease";
}

// All are cut off for longer than a lease, and all come back: nobody may take from anybody.
TEST_F(NetworkFaultsTest, TakesNothingFromTheLivingAfterAnOutageLongerThanALease) {
  const Losses losses = weather(
      unix_network,
      [&](Traffic&) {
        unix_network.refuse();
        std::this_thread::sleep_for(2500ms);
        unix_network.accept_again();
      },
      1s);
  EXPECT_EQ(losses.stale + losses.reclaimed + losses.run_twice, 0u);
}

TEST_F(NetworkFaultsTest, NoticesConnectionsThatWentSilent) {
  command_timeout = 1s;
  const Losses losses = weather(unix_network, [&](Traffic& traffic) {
    for (int times = 0; times < 2; ++times) {
      unix_network.vanish();
      flows_on(traffic);
    }
  });
  EXPECT_GE(losses.producer_reconnects, 1u);
  EXPECT_GE(losses.worker_reconnects, 1u);
  EXPECT_EQ(losses.stale + losses.reclaimed + losses.run_twice, 0u);
}

// Packets that are lost come later, and what is behind them as well.
TEST_F(NetworkFaultsTest, WaitsThroughStalls) {
  std::mt19937 random(7);
  const Losses losses = weather(unix_network, [&](Traffic&) {
    for (int times = 0; times < 6; ++times) {
      unix_network.hold();
      std::this_thread::sleep_for(std::chrono::milliseconds{50 + random() % 350});
      unix_network.let_go();
      std::this_thread::sleep_for(std::chrono::milliseconds{random() % 100});
    }
  });
  EXPECT_EQ(losses.producer_reconnects + losses.worker_reconnects, 0u);
  EXPECT_EQ(losses.stale + losses.reclaimed + losses.run_twice, 0u);
}

TEST_F(NetworkFaultsTest, WorksAcrossTwoHundredMillisecondsEachWay) {
  const Losses losses = weather(unix_network, [&](Traffic& traffic) {
    unix_network.delay(200ms);
    flows_on(traffic);
    flows_on(traffic);
    unix_network.delay(0ms);
  });
  EXPECT_EQ(losses.producer_reconnects + losses.worker_reconnects, 0u);
  EXPECT_EQ(losses.stale + losses.reclaimed + losses.run_twice, 0u);
}

TEST_F(NetworkFaultsTest, GetsThroughANetworkOfAHundredKilobytesASecond) {
  const Losses losses = weather(unix_network, [&](Traffic& traffic) {
    unix_network.crumble(500, 5ms);
    flows_on(traffic);
    flows_on(traffic);
    unix_network.crumble(0, 0us);
  });
  EXPECT_EQ(losses.stale + losses.reclaimed + losses.run_twice, 0u);
}

TEST_F(NetworkFaultsTest, ReadsWhatComesByteByByte) {
  const Losses losses = weather(unix_network, [&](Traffic& traffic) {
    unix_network.crumble(1, 1us);
    flows_on(traffic);
    unix_network.crumble(0, 0us);
  });
  EXPECT_EQ(losses.stale + losses.reclaimed + losses.run_twice, 0u);
}

TEST_F(NetworkFaultsTest, GoesOnAfterResetsInTheMiddleOfReplies) {
  Proxy tcp_network(redis.socket_path());
  std::mt19937 random(11);
  const Losses losses = weather(tcp_network, [&](Traffic&) {
    for (int times = 0; times < 60; ++times) {
      tcp_network.cut_after(static_cast<std::int64_t>(random() % 200));
      EXPECT_TRUE(eventually([&] { return !tcp_network.cut_pending(); }));
    }
  });
  EXPECT_GE(losses.producer_reconnects + losses.worker_reconnects, 10u);
  EXPECT_EQ(losses.stale + losses.reclaimed + losses.run_twice, 0u);
}

TEST_F(NetworkFaultsTest, SurvivesAStormOfCuts) {
  Proxy tcp_network(redis.socket_path());
  const Losses losses = weather(tcp_network, [&](Traffic&) {
    for (int times = 0; times < 40; ++times) {
      tcp_network.cut_all();
      std::this_thread::sleep_for(20ms);
    }
  });
  EXPECT_GE(losses.producer_reconnects, 1u);
  EXPECT_EQ(losses.stale + losses.reclaimed + losses.run_twice, 0u);
}

}  // namespace
}  // namespace ferry
