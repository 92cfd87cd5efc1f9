// A producer's machine dies in the middle of a call: half of it has reached Redis.

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ferry/client.hpp"
#include "scratch_folder.hpp"
#include "support/child.hpp"
#include "support/effects.hpp"
#include "support/ledger.hpp"
#include "support/proxy.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Child;
using test::eventually;
using test::Ledger;
using test::Task;

constexpr int deaths = 20;
constexpr int numbers_each = 1'000'000;

/// The child's role: hands tasks over until it dies, and notes what was acknowledged. Arguments:
/// URL, ledger, first number.
int producer_role(char** arguments) {
  Child::die_with_parent();
  ClientOptions options;
  options.redis.url = arguments[0];
  Client client(options);
  const Ledger ledger(arguments[1]);
  for (int next = std::atoi(arguments[2]);;) {
    std::vector<Task> tasks;
    for (int i = 0; i < 30; ++i) tasks.push_back({next + i, std::string(4000, 'x')});
    for (const auto& result : client.enqueue_all(tasks)) {
      if (result) ledger.note(next);
      ++next;
    }
  }
}

TEST(ProducerDeathTest, LeavesTheBooksExactWhenItDiesInTheMiddleOfACall) {
  const ScratchFolder folder;
  const Ledger ledger(folder.file("ledger"));
  PrivateRedis redis;
  test::Proxy network(redis.socket_path(), redis.socket_path() + ".network");
  network.crumble(4096, 200us);  // a call of 120 KB is under way for some milliseconds
  Queue queue(test::redis_options(redis), "default");
  std::mt19937 random(5);
  int in_mid_call = 0;
  std::size_t noted = 0;
  for (int i = 0; i < deaths; ++i) {
    Child producer({"--producer", network.url(), ledger.path(), std::to_string(i * numbers_each)});
    ASSERT_TRUE(eventually([&] { return ledger.read().size() > noted; }));
    std::this_thread::sleep_for(std::chrono::microseconds{random() % 15'000});
    producer.signal(SIGKILL);
    in_mid_call += network.cut_all();
    producer.wait();
    const auto audit = queue.audit();
    EXPECT_TRUE(audit.balanced()) << audit.violations.front();
    noted = ledger.read().size();
    EXPECT_GE(audit.counts.accepted, static_cast<std::int64_t>(noted));
  }
  EXPECT_GE(in_mid_call, deaths / 4) << "else this has shown nothing";

  test::Effects effects;
  Handlers handlers;
  handlers.on<Task>([&](const JobContext&, const Task& task) { effects.add(task.number); });
  const std::int64_t accepted = queue.counts().accepted;
  test::RunningWorker worker(test::worker_options(redis), handlers);
  ASSERT_TRUE(eventually([&] { return queue.counts().done == accepted; }));
  for (const auto& [number, times] : ledger.read()) ASSERT_EQ(effects.of(number), 1) << number;
  EXPECT_EQ(effects.repeated(), 0u);
  EXPECT_EQ(effects.size(), static_cast<std::size_t>(accepted));
  test::expect_books_closed(queue, accepted);
}

}  // namespace
}  // namespace ferry

int main(int argc, char** argv) {
  if (argc == 5 && std::string_view(argv[1]) == "--producer") {
    return ferry::producer_role(argv + 2);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
