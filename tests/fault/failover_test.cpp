// Three servers, three sentinels, and a primary that is killed while producers and workers are
// busy.

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/worker.hpp"
#include "support/failover_fixture.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Deliveries;
using test::eventually;
using test::FailoverTest;
using test::Gate;
using test::OpenAtEnd;
using test::Parcel;
using test::Producer;

int lost_of(const std::set<int>& accepted, const std::map<int, int>& delivered) {
  int lost = 0;
  for (const int number : accepted) lost += delivered.contains(number) ? 0 : 1;
  return lost;
}

TEST_F(FailoverTest, LosesNothingThatAReplicaHasConfirmed) {
  if (!servers) return;
  Deliveries deliveries;
  Handlers handlers;
  handlers.on<Parcel>([&](const JobContext&, const Parcel& p) { deliveries.note(p.number); });
  test::RunningWorker worker(worker_options(), handlers);
  Producer small(client_options(Durability::replicated(1)), 0, 3, 0);
  Producer large(client_options(Durability::replicated(1)), 10'000'000, 50, 200);
  ASSERT_TRUE(eventually(
      [&] { return small.accepted_count() > 200 && large.accepted_count() > 2000; }, 60s));

  const std::size_t primary = fail_over();
  const int small_before = small.accepted_count();
  const int large_before = large.accepted_count();
  ASSERT_TRUE(eventually(
      [&] {
        return small.accepted_count() > small_before + 200 &&
               large.accepted_count() > large_before + 2000;
      },
      60s));
  small.stop();
  large.stop();
  ASSERT_TRUE(drained());
  ASSERT_TRUE(eventually([&] { return worker->stats().credit_jobs_out == 0; }))
      << "the worker holds on to jobs that are settled";

  const auto delivered = deliveries.read();
  const int accepted = small.accepted_count() + large.accepted_count();
  int twice = 0;
  for (const auto& [number, times] : delivered) twice += times > 1 ? 1 : 0;
  std::printf(
      "[ COUNTED  ] replicated(1): accepted %d, lost %d, run more than once %d, refused %d\n",
      accepted, lost_of(small.accepted(), delivered) + lost_of(large.accepted(), delivered), twice,
      small.refused() + large.refused());
  EXPECT_EQ(lost_of(small.accepted(), delivered), 0);
  EXPECT_EQ(lost_of(large.accepted(), delivered), 0);
  EXPECT_EQ(small.stats().lost_jobs + large.stats().lost_jobs, 0u);
  EXPECT_EQ(queue().counts().accepted, static_cast<std::int64_t>(delivered.size()))
      << "nothing was enqueued twice";
  EXPECT_EQ(queue().audit().violations, std::vector<std::string>{});
  EXPECT_NE(primary, 0u);
}

/// One producer that goes on after a failover, and what it was told.
struct Told {
  std::mutex mutex;
  std::vector<Loss> losses;

  std::function<void(const Loss&)> callback() {
    return [this](const Loss& loss) {
      const std::scoped_lock lock(mutex);
      losses.push_back(loss);
    };
  }
  std::int64_t jobs() {
    const std::scoped_lock lock(mutex);
    std::int64_t sum = 0;
    for (const Loss& loss : losses) {
      EXPECT_TRUE(loss.exact);
      EXPECT_EQ(loss.queue, "default");
      sum += loss.lost_jobs;
    }
    return sum;
  }
};

TEST_F(FailoverTest, TellsProducersEveryJobThatNoReplicaHad) {
  if (!servers) return;
  Told small_told;
  Told large_told;
  ClientOptions options = client_options();
  options.on_loss = small_told.callback();
  Client small(options);
  options.on_loss = large_told.callback();
  Client large(options);
  std::set<int> accepted;
  std::set<int> doomed;
  int next = 0;
  const auto store_small = [&](int jobs, std::set<int>& noted) {
    for (int i = 0; i < jobs; ++i) {
      small.enqueue(Parcel{next});
      noted.insert(next++);
    }
  };
  const auto store_large = [&](int portions, int jobs, std::set<int>& noted) {
    for (int portion = 0; portion < portions; ++portion) {
      std::vector<Parcel> parcels;
      for (int i = 0; i < jobs; ++i) parcels.push_back({next++, std::string(300, 'x')});
      for (const auto& result : large.enqueue_all(parcels)) ASSERT_TRUE(result);
      for (const Parcel& parcel : parcels) noted.insert(parcel.number);
    }
  };
  store_small(100, accepted);
  store_large(3, 2500, accepted);
  redis::Connection admin({.url = (*servers)[0].url()});
  admin.call({"SET", "mark", "1"});
  ASSERT_EQ(admin.call({"WAIT", "2", "20000"})->root().integer, 2);

  servers->cut_off(0);
  store_small(50, doomed);
  store_large(2, 2500, doomed);
  store_large(1, 37, doomed);
  fail_over();

  store_small(10, accepted);
  store_large(1, 100, accepted);
  EXPECT_EQ(small_told.jobs(), 50);
  EXPECT_EQ(large_told.jobs(), 5037);
  EXPECT_EQ(small.stats().lost_calls, 50u);
  EXPECT_EQ(small.stats().lost_jobs, 50u);
  EXPECT_EQ(large.stats().lost_jobs, 5037u);

  Deliveries deliveries;
  Handlers handlers;
  handlers.on<Parcel>([&](const JobContext&, const Parcel& p) { deliveries.note(p.number); });
  test::RunningWorker worker(worker_options(), handlers);
  ASSERT_TRUE(drained());
  const auto delivered = deliveries.read();
  const int lost = lost_of(doomed, delivered);
  std::printf("[ COUNTED  ] fast: accepted %zu, lost %d, reported %lld\n",
              accepted.size() + doomed.size(), lost,
              static_cast<long long>(small_told.jobs() + large_told.jobs()));
  EXPECT_EQ(lost, small_told.jobs() + large_told.jobs());
  EXPECT_EQ(lost_of(accepted, delivered), 0);
  EXPECT_EQ(delivered.size(), accepted.size());
  EXPECT_EQ(queue().audit().violations, std::vector<std::string>{});
}

TEST_F(FailoverTest, RunsJobsAgainWhoseWorkerTheNewPrimaryNeverMet) {
  if (!servers) return;
  constexpr int jobs = 20;
  {
    Client client(client_options(Durability::replicated(2)));
    for (int i = 0; i < jobs; ++i) client.enqueue(Parcel{i});
  }
  servers->cut_off(0);
  Deliveries deliveries;
  Gate gate;
  Handlers handlers;
  handlers.on<Parcel>([&](const JobContext&, const Parcel& p) {
    gate.pass();
    deliveries.note(p.number);
  });
  WorkerOptions options = worker_options();
  options.concurrency =
      4 * jobs;  // room to fetch, although all that was fetched stands at the gate
  test::RunningWorker worker(options, handlers);
  const OpenAtEnd at_end{gate};
  ASSERT_TRUE(eventually([&] { return gate.arrived() == jobs; }));
  fail_over();
  ASSERT_TRUE(eventually([&] { return queue().counts().leased == jobs; }));
  gate.open();
  ASSERT_TRUE(drained());
  EXPECT_TRUE(eventually([&] { return worker->stats().credit_jobs_out == 0; }));
  EXPECT_EQ(queue().counts().done, jobs);
  EXPECT_EQ(deliveries.read().size(), static_cast<std::size_t>(jobs));
  EXPECT_EQ(queue().audit().violations, std::vector<std::string>{});
}

TEST_F(FailoverTest, SettlesJobsOnceThatAreDeliveredAgainToTheSameWorker) {
  if (!servers) return;
  constexpr int jobs = 20;
  Deliveries deliveries;
  Gate gate;
  Handlers handlers;
  handlers.on<Parcel>([&](const JobContext&, const Parcel& p) {
    gate.pass();
    deliveries.note(p.number);
  });
  WorkerOptions options = worker_options();
  options.concurrency = 4 * jobs;
  options.lease = 60s;  // the new primary has its last heartbeat, and that is still fresh
  test::RunningWorker worker(options, handlers);
  const OpenAtEnd at_end{gate};
  ASSERT_TRUE(eventually([&] { return queue().counts().workers == 1; }));
  queue().pause();
  // With the first the worker may not have seen the pause, with the second its last fetch may still
  // be under way.
  ASSERT_TRUE(wait_for_heartbeats(3));
  {
    Client client(client_options(Durability::replicated(2)));
    for (int i = 0; i < jobs; ++i) client.enqueue(Parcel{i});
  }
  ASSERT_EQ(gate.arrived(), 0);
  servers->cut_off(0);
  queue().resume();
  ASSERT_TRUE(eventually([&] { return gate.arrived() == jobs; }));
  fail_over();
  queue().resume();
  ASSERT_TRUE(eventually([&] { return queue().counts().leased == jobs; }));
  gate.open();
  ASSERT_TRUE(drained());
  EXPECT_TRUE(eventually([&] { return worker->stats().credit_jobs_out == 0; }));
  EXPECT_EQ(queue().counts().done, jobs);
  EXPECT_EQ(deliveries.read().size(), static_cast<std::size_t>(jobs));
  EXPECT_EQ(queue().audit().violations, std::vector<std::string>{});
}

}  // namespace
}  // namespace ferry

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--sentinel") {
    return ferry::test::SentinelSet::become_sentinel(argv[2]);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
