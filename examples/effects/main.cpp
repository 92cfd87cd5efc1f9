// Deposits that take effect exactly once, however often their jobs run.
//   effects deposit REDIS-URL FIRST LAST    hands over deposits of FIRST, FIRST+1, … LAST cents
//   effects work REDIS-URL DATABASE         applies them
//   effects wait REDIS-URL                  until no deposit waits or runs
//   effects show DATABASE                   what has been applied
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "accounts.hpp"
#include "deposit.hpp"
#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"

namespace {

constexpr std::int64_t account_count = 10;

int deposit(const std::string& redis, std::int64_t first, std::int64_t last) {
  std::vector<Deposit> deposits;
  for (std::int64_t cents = first; cents <= last; ++cents) {
    deposits.push_back({"account-" + std::to_string(cents % account_count), cents});
  }
  ferry::Client client{{.redis = {.url = redis}, .queue = "deposits"}};
  for (const auto& result : client.enqueue_all(deposits)) {
    if (!result) throw ferry::Error(*result.error);
  }
  return 0;
}

int work(const std::string& redis, const std::string& database) {
  Accounts accounts{database};
  ferry::Handlers handlers;
  handlers.on_batch<Deposit>(
      ferry::realtime(50),
      [&](ferry::Batch<Deposit>& batch) {
        // One commit for the batch: the balances and the ids of the jobs that changed them.
        Accounts::Transaction transaction{accounts};
        for (const auto& item : batch) {
          accounts.deposit_once(item.context().id, item->account, item->cents);
        }
        transaction.commit();
      },
      // SQLite has one writer at a time; a batch that throws has changed nothing and may run again.
      {.concurrency = 1, .idempotent = true});
  ferry::Worker worker{
      {.redis = {.url = redis}, .queues = {{"deposits", 1}}, .print_stats_on_stop = false},
      std::move(handlers)};
  const ferry::StopOnSignal stop{worker};
  return worker.run();
}

int wait(const std::string& redis) {
  ferry::Queue queue{{.url = redis}, "deposits"};
  while (true) {
    const ferry::QueueCounts counts = queue.counts();
    if (counts.waiting + counts.leased + counts.delayed == 0) return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

int show(const std::string& database) {
  const Accounts::Totals totals = Accounts{database}.totals();
  std::printf("%lld deposits, %lld cents, %lld runs found their effect applied already\n",
              static_cast<long long>(totals.deposits), static_cast<long long>(totals.cents),
              static_cast<long long>(totals.repeated));
  return 0;
}

int usage() {
  std::fputs(
      "usage: effects deposit REDIS-URL FIRST LAST\n"
      "       effects work REDIS-URL DATABASE\n"
      "       effects wait REDIS-URL\n"
      "       effects show DATABASE\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  try {
    if (command == "deposit" && argc == 5) {
      return deposit(argv[2], std::atoll(argv[3]), std::atoll(argv[4]));
    }
    if (command == "work" && argc == 4) return work(argv[2], argv[3]);
    if (command == "wait" && argc == 3) return wait(argv[2]);
    if (command == "show" && argc == 3) return show(argv[2]);
    return usage();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "effects: %s\n", e.what());
    return 1;
  }
}
