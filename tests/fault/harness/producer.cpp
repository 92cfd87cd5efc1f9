// A producer that can be killed at any moment: enqueues at a steady rate and writes down what it
// was told of each job, after it was told.
#include <csignal>
#include <thread>
#include <vector>

#include "fault/harness/arguments.hpp"
#include "fault/harness/fault_job.hpp"
#include "fault/harness/records.hpp"
#include "ferry/client.hpp"
#include "support/child.hpp"

namespace ferry::fault {
namespace {

using namespace std::chrono_literals;

volatile std::sig_atomic_t stopping = 0;

/// One portion in so many is delayed, so that promoting runs under faults as well.
constexpr std::uint64_t delayed_each = 16;
/// One portion in so many goes job by job.
constexpr std::uint64_t single_calls_each = 50;
/// Beside every so many portions come a few jobs of another sort.
constexpr std::uint64_t keyed_each = 10;
constexpr std::uint64_t slow_each = 5;
constexpr std::uint64_t large_each = 20;
constexpr std::uint64_t largest_each = 300;

Fate fate_of(const Error* error) {
  if (error == nullptr) return Fate::accepted;
  return error->code() == ErrorCode::outcome_unknown ? Fate::unknown : Fate::refused;
}

class Producer {
 public:
  explicit Producer(const Arguments& arguments)
      : claims_(arguments.text("--claims")),
        next_(static_cast<std::uint64_t>(arguments.number("--first-number"))),
        rate_(static_cast<double>(arguments.number("--rate"))),
        portion_(static_cast<std::size_t>(arguments.number("--portion"))),
        client_(options(arguments)) {}

  void run() {
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t sent = 0;
    for (std::uint64_t turn = 0; stopping == 0; ++turn) {
      const std::chrono::duration<double> due(static_cast<double>(sent) / rate_);
      std::this_thread::sleep_until(
          begin + std::chrono::duration_cast<std::chrono::steady_clock::duration>(due));
      EnqueueOptions options;
      if (turn % delayed_each == 0) options.run_after = 50ms;
      const bool one_by_one = turn % single_calls_each == 1;
      if (turn % 2 == 0) {
        enqueue<SingleJob>(portion_, small, options, one_by_one);
      } else {
        enqueue<BatchedJob>(portion_, small, options, one_by_one);
      }
      enqueue_others(turn);
      sent += portion_;
    }
  }

 private:
  static constexpr std::size_t small = 40;

  void enqueue_others(std::uint64_t turn) {
    EnqueueOptions delayed;
    if (turn % 2 == 1) delayed.run_after = 80ms;
    EnqueueOptions keyed;
    keyed.batch_key = std::to_string(turn / keyed_each % 30);
    if (turn % keyed_each == 2) enqueue<KeyedJob>(15, small, keyed, false);
    if (turn % slow_each == 3) enqueue<SlowJob>(2, small, delayed, false);
    if (turn % large_each == 4) enqueue<SingleJob>(1, 300'000, delayed, false);
    if (turn % largest_each == 5) enqueue<SingleJob>(1, 3'000'000, delayed, false);
  }

  ClientOptions options(const Arguments& arguments) {
    ClientOptions options;
    options.redis.url = arguments.text("--redis");
    options.block_timeout = std::chrono::milliseconds{arguments.number("--block-ms")};
    options.on_loss = [this](const Loss& reported) {
      const Claim loss{static_cast<std::uint64_t>(reported.lost_calls), {}, Fate::reported};
      claims_.append(std::span(&loss, 1));
    };
    return options;
  }

  template <typename T>
  void enqueue(std::size_t count, std::size_t filling, const EnqueueOptions& options,
               bool one_by_one) {
    std::vector<T> jobs;
    for (std::size_t i = 0; i < count; ++i) jobs.push_back({next_ + i, std::string(filling, 'x')});
    std::vector<Claim> told;
    if (one_by_one) {
      for (const T& job : jobs) told.push_back(enqueue_one(job));
    } else {
      const auto results = client_.enqueue_all(jobs, options);
      for (std::size_t i = 0; i < results.size(); ++i) {
        told.push_back({next_ + i, results[i].id, fate_of(results[i].error.get())});
      }
    }
    next_ += count;
    claims_.append(std::span<const Claim>(told));
  }

  template <typename T>
  Claim enqueue_one(const T& job) {
    try {
      return {job.number, client_.enqueue(job), Fate::accepted};
    } catch (const Error& error) {
      return {job.number, {}, fate_of(&error)};
    }
  }

  RecordFile claims_;
  std::uint64_t next_;
  double rate_;
  std::size_t portion_;
  Client client_;
};

}  // namespace
}  // namespace ferry::fault

int main(int argc, char** argv) {
  ferry::test::Child::die_with_parent();
  std::signal(SIGTERM, [](int) { ferry::fault::stopping = 1; });
  const ferry::fault::Arguments arguments(argc, argv,
                                          {{"--redis", ""},
                                           {"--claims", ""},
                                           {"--first-number", "0"},
                                           {"--rate", "10000"},
                                           {"--portion", "100"},
                                           {"--block-ms", "30000"}});
  ferry::fault::Producer(arguments).run();
}
