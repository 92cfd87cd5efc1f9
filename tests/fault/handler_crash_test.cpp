// Handlers that misbehave, in processes of their own: whatever one job does, the others of its
// envelope are done, and it alone is a dead letter after its bounded runs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "scratch_folder.hpp"
#include "support/child.hpp"
#include "support/ledger.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Child;
using test::eventually;
using test::Ledger;
using testing::IsEmpty;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

struct Step {
  static constexpr std::string_view kind = "step";
  int number = 0;
  std::string what;  ///< how it misbehaves; "" = not at all
  MSGPACK_DEFINE_MAP(number, what)
};

/// A job that hangs says so here, for nothing else tells it from one that takes long.
constexpr int hangs = 1'000'000;

[[gnu::noinline]] int overflow_stack(int depth) {
  std::array<volatile char, 4096> frame{};
  frame[static_cast<std::size_t>(depth) % frame.size()] = 1;
  return depth < 0 ? 0 : overflow_stack(depth + 1) + frame[0];
}

/// Leaks until there is nothing left: the worker around it gets no memory either.
void leak() {
  static std::vector<std::unique_ptr<char[]>> leaked;
  while (true) leaked.push_back(std::make_unique<char[]>(std::size_t{8} << 20));
}

void misbehave(const Step& step, const Ledger& ledger) {
  if (step.what == "throw") throw std::runtime_error("no route to host");
  if (step.what == "throw_int") throw 7;
  if (step.what == "abort") std::abort();
  if (step.what == "exit") std::_Exit(0);
  if (step.what == "segfault") {
    volatile std::uintptr_t nowhere = 8;
    *reinterpret_cast<volatile int*>(nowhere) = 1;
  }
  if (step.what == "stack") overflow_stack(0);
  if (step.what == "leak") leak();
  if (step.what == "large") std::string(std::size_t{1} << 50, 'x');
  if (step.what == "hang") {
    ledger.note(hangs);
    while (true) std::this_thread::sleep_for(1h);
  }
}

void limit_resources() {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  // Sanitizers reserve terabytes of addresses.
  const rlimit memory{std::size_t{3} << 30, std::size_t{3} << 30};
  if (!sanitized) ::setrlimit(RLIMIT_AS, &memory);
}

/// The child's role. Arguments: URL, ledger, how the handler is called.
int worker_role(char** arguments) {
  Child::die_with_parent();
  limit_resources();
  WorkerOptions options;
  options.redis.url = arguments[0];
  options.concurrency = 4;
  options.lease = 500ms;
  options.log.level = LogLevel::off;
  options.print_stats_on_stop = false;
  const Ledger ledger(arguments[1]);
  const HandlerOptions retries{.max_attempts = 3, .backoff = {1ms, 2ms}};
  const auto run = [&](const Step& step) {
    misbehave(step, ledger);
    ledger.note(step.number);
  };
  Handlers handlers;
  if (std::string_view(arguments[2]) == "batch") {
    handlers.on_batch<Step>(
        fixed(100, 5ms),
        [&](Batch<Step>& batch) {
          for (auto& item : batch) run(*item);
        },
        retries);
  } else {
    handlers.on<Step>([&](const JobContext&, const Step& step) { run(step); }, retries);
  }
  Worker worker(options, handlers);
  StopOnSignal stop(worker);
  return worker.run();
}

struct Misbehaviour {
  std::string what;
  std::string handler;  ///< "job" or "batch"
  std::string reason;   ///< of the dead letter
  bool kills = false;   ///< the worker
};

void PrintTo(const Misbehaviour& m, std::ostream* out) { *out << m.what << " in a " << m.handler; }

class HandlerCrashTest : public testing::TestWithParam<Misbehaviour> {
 protected:
  /// Starts the worker again whenever it ends, as systemd would, and kills one that hangs; until
  /// every job is done or dead.
  ///
  /// Returns: how often a worker died, or nothing when it took too long.
  std::optional<int> supervise(std::int64_t jobs) {
    int deaths = 0;
    int hung = 0;
    std::unique_ptr<Child> running;
    const bool over = eventually(
        [&] {
          if (!running) {
            running = std::make_unique<Child>(std::vector<std::string>{
                "--worker", redis.url(), ledger.path(), GetParam().handler});
          }
          const auto noted = ledger.read();
          if (const auto at = noted.find(hangs); at != noted.end() && at->second > hung) {
            hung = at->second;
            running->signal(SIGKILL);
            running->wait();
          }
          if (running->wait_for(0ms)) {
            ++deaths;
            running.reset();
          }
          const auto counts = queue.counts();
          return counts.done + counts.dead == jobs;
        },
        60s);
    return over ? std::optional(deaths) : std::nullopt;
  }

  ScratchFolder folder;
  PrivateRedis redis;
  Ledger ledger{folder.file("ledger")};
  Client client{test::client_options(redis)};
  Queue queue{test::redis_options(redis), "default"};
};

TEST_P(HandlerCrashTest, OneOfAHundredMisbehavesAndTheOthersAreDone) {
  constexpr int poison = 37;
  std::vector<Step> jobs;
  for (int i = 0; i < 100; ++i) jobs.push_back({i, i == poison ? GetParam().what : ""});
  for (const auto& result : client.enqueue_all(jobs)) ASSERT_TRUE(result);
  ASSERT_EQ(queue.counts().envelopes, 1);

  const auto deaths = supervise(100);
  ASSERT_TRUE(deaths);
  // Once among the others, then three times alone.
  if (GetParam().kills) {
    EXPECT_EQ(*deaths, 4);
  }
  EXPECT_EQ(queue.counts().done, 99);
  const auto dead = queue.jobs(JobState::dead).jobs;
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_THAT(dead[0].reason, testing::HasSubstr(GetParam().reason));
  EXPECT_LE(dead[0].deliveries, 3);
  EXPECT_LE(dead[0].attempts, 3);
  auto noted = ledger.read();
  noted.erase(hangs);
  EXPECT_EQ(noted.size(), 99u);
  EXPECT_EQ(noted.count(poison), 0u);
  EXPECT_THAT(queue.audit().violations, IsEmpty());
}

const std::string died = "was running in 3 workers that died";

INSTANTIATE_TEST_SUITE_P(
    Handlers, HandlerCrashTest,
    testing::Values(
        Misbehaviour{"throw", "job", "after 3 attempts: no route to host"},
        Misbehaviour{"throw_int", "job", "an exception that is not a std::exception"},
        Misbehaviour{"throw_int", "batch", "an exception that is not a std::exception"},
        Misbehaviour{"abort", "job", died, true}, Misbehaviour{"abort", "batch", died, true},
        Misbehaviour{"exit", "job", died, true}, Misbehaviour{"segfault", "job", died, true},
        Misbehaviour{"stack", "job", died, true}, Misbehaviour{"hang", "job", died, true},
        // Under a sanitizer a request for too much memory ends the process.
        Misbehaviour{"large", "job", sanitized ? died : "after 3 attempts: "}),
    [](const auto& instance) { return instance.param.what + "_in_a_" + instance.param.handler; });

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// What is leaked is missing everywhere: the worker dies, or the leaking job alone gets bad_alloc.
INSTANTIATE_TEST_SUITE_P(WithoutMemory, HandlerCrashTest,
                         testing::Values(Misbehaviour{"leak", "job", ""}),
                         [](const auto&) { return "leak"; });
#endif

}  // namespace
}  // namespace ferry

int main(int argc, char** argv) {
  if (argc == 5 && std::string_view(argv[1]) == "--worker") return ferry::worker_role(argv + 2);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
