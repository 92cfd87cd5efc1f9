// Pause, quiet, stop and expiry hold on every way by which a job comes to a handler: once the gate
// is shut nothing begins, nothing is lost, and the job runs once when the gate opens.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "ferry/setup.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/effects.hpp"
#include "support/log_file.hpp"
#include "support/redis_test.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry::test {
namespace {

using namespace std::chrono_literals;

enum class Gate { paused, quiet, stopped, stopped_at_once, expired };
constexpr std::array gates{Gate::paused, Gate::quiet, Gate::stopped, Gate::stopped_at_once,
                           Gate::expired};
constexpr std::array gate_names{"paused", "quiet", "stopped", "stopped_at_once", "expired"};

enum class Way {
  fetched,
  reclaimed,
  recovered,
  promoted,
  held,
  waiting,
  behind_its_kind,
  suspect,
  retried,
  set_aside
};

struct WayRow {
  Way way;
  const char* name;
  /// The job is in the worker when the gate shuts. Quiet and stop promise that such a job is
  /// finished there ("what is held is finished"), so for these two the right value is one run, not
  /// none; everywhere else nothing begins.
  bool in_hand;
};
constexpr std::array ways{WayRow{Way::fetched, "Fetched", false},
                          WayRow{Way::reclaimed, "Reclaimed", false},
                          WayRow{Way::recovered, "Recovered", false},
                          WayRow{Way::promoted, "Promoted", false},
                          WayRow{Way::held, "HeldForCompany", true},
                          WayRow{Way::waiting, "WaitingForAHandler", true},
                          WayRow{Way::behind_its_kind, "BehindItsKindsOwnConcurrency", true},
                          WayRow{Way::suspect, "Suspect", true},
                          WayRow{Way::retried, "Retried", false},
                          WayRow{Way::set_aside, "SetAside", false}};

bool finishes_here(const WayRow& way, Gate gate) {
  return way.in_hand && (gate == Gate::quiet || gate == Gate::stopped);
}

/// A kind beside the one that is tested: where a worker has one only, nothing limits it.
struct Other {
  static constexpr std::string_view kind = "other";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};

constexpr int tested = 0;
constexpr int blocker = 1;
constexpr auto lease = 500ms;

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

/// One way and one gate, with a queue, a Redis user and a worker of its own, so that cells go side
/// by side.
class Cell {
 public:
  Cell(const RedisOptions& redis, const LogFile& log, const WayRow& way, Gate gate)
      : redis_(redis),
        log_(log),
        way_(way),
        gate_(gate),
        name_(std::string(way.name) + "-" + gate_names[static_cast<std::size_t>(gate)]),
        keys_(redis.prefix, name_),
        admin_(redis),
        queue_(redis, name_) {
    admin_.connect();
    queue_.counts();
    admin_.call({"ACL", "SETUSER", name_, "reset", "on", ">secret", "+@all", "~*", "&*"});
  }

  /// No handler may outlive what it looks at.
  ~Cell() {
    released_ = true;
    eventually([this] { return blocked_ == unblocked_; });
  }
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  /// Throws what went wrong.
  void run() {
    const bool waits = gate_ == Gate::expired && !way_.in_hand && way_.way != Way::retried;
    worker_.emplace(options(name_), handlers());
    require(eventually([&] { return !own_name().empty(); }), "the worker did not register");
    warm_up();
    if (waits) pause();  // until the job has expired
    approach();
    const int before = begun_;
    shut();
    let_go();
    if (waits) queue_.resume();
    if (gate_ == Gate::expired) {
      require(eventually([&] { return queue_.counts().expired == 1; }), "it did not expire");
      require(begun_ == before, "an expired job began");
    } else if (finishes_here(way_, gate_)) {
      require(eventually([&] { return begun_ == before + 1; }), "what was held was not finished");
    } else {
      await_nothing();
      require(begun_ == before, "a job began behind the gate");
      require(jobs_left() >= 1, "the job is neither in Redis nor leased");
      open();
    }
    require(eventually([&] { return jobs_left() == 0; }), "the job did not end");
    worker_.reset();
    successor_.reset();
    const int runs = gate_ == Gate::expired ? 0 : 1;
    require(begun_ == before + runs, "the job ran more than once");
    const AuditReport audit = queue_.audit();
    require(audit.balanced(), audit.balanced() ? "" : audit.violations.front().c_str());
  }

  const std::string& name() const { return name_; }

 private:
  WorkerOptions options(const std::string& name) const {
    WorkerOptions options;
    options.redis = redis_;
    options.redis.url.insert(options.redis.url.find("//") + 2, name_ + ":secret@");
    options.queues = {{name_, 1}};
    const bool one = way_.way == Way::waiting || way_.way == Way::suspect;
    options.concurrency = one ? 1 : 2;
    options.lease = lease;
    options.name = name;
    options.log = {LogFormat::json, LogLevel::info};
    options.print_stats_on_stop = false;
    return options;
  }

  Handlers handlers() {
    Handlers handlers;
    handlers.on<Other>([](const JobContext&, const Other&) {});
    if (way_.way == Way::held) {
      // So long that the batch is in hand when the gate shuts; but where it has to leave by itself.
      const bool leaves = gate_ == Gate::quiet || gate_ == Gate::expired || is_open_;
      handlers.on_batch<Task>(fixed(100, leaves ? 600ms : 20s),
                              [this](Batch<Task>& batch) { begun_ += int(batch.size()); });
      return handlers;
    }
    HandlerOptions own;
    if (way_.way == Way::behind_its_kind) own.concurrency = 1;
    handlers.on<Task>(
        [this](const JobContext& context, const Task& task) -> Outcome {
          if (task.number == blocker) {
            ++blocked_;
            eventually([this] { return released_.load(); });
            ++unblocked_;
            return done();
          }
          ++begun_;
          const bool again = way_.way == Way::retried && context.attempt == 1;
          return again ? retry_after(1h, "as told") : done();
        },
        own);
    return handlers;
  }

  // --- Until the gate shuts ---

  /// Afterwards all threads of the worker are at work, and what they look for at their start is
  /// behind them.
  void warm_up() {
    Client client(producing());
    client.enqueue(Other{}, {.run_after = 1ms});
    require(eventually([&] { return queue_.counts().done == 1; }), "the worker does not work");
  }

  ClientOptions producing() const {
    ClientOptions options;
    options.redis = redis_;
    options.queue = name_;
    return options;
  }

  void approach() {
    switch (way_.way) {
      case Way::fetched:
        if (gate_ == Gate::expired) enqueue();
        break;
      case Way::reclaimed:
      case Way::set_aside:
        take_away("silent");
        break;
      case Way::recovered:
        take_away(own_name());
        break;
      case Way::promoted:
        // Where it expires it comes due by itself, for it cannot expire before.
        enqueue({.run_after = gate_ == Gate::expired ? 50ms : 1h});
        break;
      case Way::held:
        enqueue();
        require(eventually([&] { return queue_.counts().leased == 1; }), "it was not fetched");
        break;
      case Way::waiting:
      case Way::behind_its_kind:
        block(2);
        break;
      case Way::suspect:
        take_away("silent");
        begin_as("silent");
        block(1);
        fall_silent();
        // Its handler has the blocker, and it has the suspect or has found it expired.
        require(eventually([&] {
                  const WorkerStats stats = (*worker_)->stats();
                  return stats.reclaimed_envelopes == 1 &&
                         (stats.credit_jobs_out == 2 || stats.expired == 1);
                }),
                "it was not taken over");
        break;
      case Way::retried:
        enqueue();
        require(eventually([&] { return queue_.counts().delayed == 1; }), "it was not retried");
        break;
    }
  }

  void enqueue(EnqueueOptions job = {}) { enqueue({{tested}}, std::move(job)); }

  void enqueue(const std::vector<Task>& tasks, EnqueueOptions job = {}) {
    Client client(producing());
    if (gate_ == Gate::expired) job.expires_after = expires_after;
    for (const auto& result : client.enqueue_all(tasks, job)) {
      if (!result) throw std::runtime_error(result.error->what());
    }
    expires_at_ = std::chrono::steady_clock::now() + expires_after;
  }

  /// Fills the handlers, with a job that the worker has together with the one that is tested.
  void block(int jobs) {
    std::vector<Task> tasks{{blocker}};
    if (jobs == 2) tasks.push_back({tested});
    enqueue(tasks);
    require(eventually([&] { return blocked_ == 1; }), "the blocker did not begin");
  }

  /// The job is leased to somebody, unknown to the worker.
  void take_away(const std::string& holder) {
    pause();
    enqueue();
    if (holder != own_name()) {
      const auto in = admin_.call({"FCALL", "ferry_v1_register", "5", keys_.control, keys_.workers,
                                   keys_.ready[0], keys_.ready[1], keys_.ready[2], holder});
      require(in->root()[0].text == "OK", "the other worker was not let in");
    }
    // A fetch that was under way may have it; then the worker gives it back.
    require(eventually([&] {
              const auto taken = admin_.call({"XREADGROUP", "GROUP", group_name, holder, "COUNT",
                                              "1", "STREAMS", keys_.ready[1], ">"});
              if (taken->root().size == 0) return false;
              entry_ = taken->root()[0][1][0][0].text;
              return true;
            }),
            "the job was not given back");
    keep_alive_ = std::jthread([this, holder](const std::stop_token& stop) {
      redis::Connection beats(redis_);
      while (holder == "silent" && !stop.stop_requested()) {
        beats.call({"FCALL", "ferry_v1_beat", "2", keys_.control, keys_.workers, holder,
                    std::to_string(lease.count()), "0"});
        std::this_thread::sleep_for(lease / 10);
      }
    });
    const bool stays = gate_ == Gate::expired && !way_.in_hand;
    if (!stays) queue_.resume();
    await_beats();
  }

  void begin_as(const std::string& holder) {
    admin_.call({"FCALL", "ferry_v1_start", "5", keys_.workers, keys_.progress, keys_.ready[0],
                 keys_.ready[1], keys_.ready[2], holder, "1:" + entry_, "1", "0"});
  }

  void fall_silent() { keep_alive_ = {}; }

  // --- The gate ---

  void shut() {
    switch (gate_) {
      case Gate::paused:
        pause();
        break;
      case Gate::quiet:
        (*worker_)->quiet();
        await_event("quiet: fetching no more");
        break;
      case Gate::stopped:
        (*worker_)->stop();
        await_event("stopping");
        break;
      case Gate::stopped_at_once:
        (*worker_)->stop_now();
        await_event("stopping");
        break;
      case Gate::expired:
        std::this_thread::sleep_until(expires_at_);
        break;
    }
  }

  /// Returns when the pause is known, and the fetch that was under way is over.
  void pause() {
    queue_.pause();
    await_beats();
    const std::string own = " user=" + name_ + " ";
    require(eventually([&] {
              const auto clients = admin_.call({"CLIENT", "LIST"});
              std::istringstream lines{std::string(clients->root().text)};
              for (std::string line; std::getline(lines, line);) {
                const bool waits = line.find(" flags=b ") != std::string::npos;
                if (waits && line.find(own) != std::string::npos) return false;
              }
              return true;
            }),
            "it fetches although its queue is paused");
  }

  /// A pause is known when the worker has asked twice since: the answer to the first has arrived.
  void await_beats() {
    for (int beats = 0; beats < 2; ++beats) {
      const std::string before = last_beat();
      require(eventually([&] { return last_beat() != before; }), "the worker fell silent");
    }
  }

  void await_event(const char* event) {
    require(eventually([&] { return log_.has(event, name_); }), event);
  }

  void let_go() {
    switch (way_.way) {
      case Way::fetched:
        if (gate_ != Gate::expired) enqueue();
        break;
      case Way::reclaimed:
        fall_silent();
        break;
      case Way::recovered:
        admin_.command({"CLIENT", "KILL", "USER", name_});
        break;
      case Way::promoted:
        if (gate_ != Gate::expired) make_due();
        break;
      case Way::retried:
        make_due();
        break;
      case Way::set_aside:
        admin_.call({"FCALL", "ferry_v1_set_aside", "2", keys_.workers, keys_.ready[1], "silent",
                     "~kind:task", entry_, "1"});
        fall_silent();
        break;
      case Way::held:
        break;
      case Way::waiting:
      case Way::behind_its_kind:
      case Way::suspect:
        released_ = true;
        break;
    }
  }

  void make_due() {
    const auto first = admin_.call({"ZRANGE", keys_.due, "0", "0"});
    require(first->root().size == 1, "nothing is delayed");
    admin_.call({"ZADD", keys_.due, "XX", "1", first->root()[0].text});
  }

  /// So long that the job would have begun: all that a worker does for it comes by in two leases.
  void await_nothing() {
    if (gate_ == Gate::stopped || gate_ == Gate::stopped_at_once) {
      worker_->join();
      return;
    }
    const auto until = std::chrono::steady_clock::now() + 2 * lease;
    while (std::chrono::steady_clock::now() < until) await_beats();
  }

  void open() {
    is_open_ = true;
    if (gate_ == Gate::paused) queue_.resume();
    if (gate_ == Gate::paused && way_.way != Way::held) return;
    worker_->stop();
    successor_.emplace(options(name_ + "-2"), handlers());
  }

  // --- Looks ---

  std::int64_t jobs_left() {
    const QueueCounts counts = queue_.counts();
    return counts.waiting + counts.leased + counts.delayed;
  }

  /// Under which the worker holds leases.
  std::string own_name() {
    const auto names = admin_.call({"HKEYS", keys_.workers});
    for (const redis::Reply& name : names->root()) {
      if (name.text.starts_with(name_ + ".")) return std::string(name.text);
    }
    return {};
  }

  std::string last_beat() {
    const auto beat = admin_.call({"HGET", keys_.workers, own_name()});
    return std::string(beat->root().text);
  }

  static constexpr std::chrono::milliseconds expires_after{400};

  RedisOptions redis_;
  const LogFile& log_;
  const WayRow& way_;
  Gate gate_;
  std::string name_;
  Keys keys_;
  redis::Connection admin_;
  Queue queue_;
  std::string entry_;
  std::chrono::steady_clock::time_point expires_at_;
  std::jthread keep_alive_;
  bool is_open_ = false;
  std::atomic<int> begun_{0};
  std::atomic<int> blocked_{0};
  std::atomic<int> unblocked_{0};
  std::atomic<bool> released_{false};
  std::optional<RunningWorker> worker_;
  std::optional<RunningWorker> successor_;
};

class GatesTest : public RedisTest, public testing::WithParamInterface<Gate> {};

TEST_P(GatesTest, NothingBeginsOnceItIsShut) {
  if (IsSkipped() || HasFailure()) return;
  std::vector<std::string> wrong(ways.size());
  std::string log_text;
  {
    LogFile log;
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < ways.size(); ++i) {
        threads.emplace_back([&, i] {
          Cell cell(options(), log, ways[i], GetParam());
          try {
            cell.run();
          } catch (const std::exception& e) {
            wrong[i] = cell.name() + ": " + e.what();
          }
        });
      }
    }
    log_text = log.text();
  }
  EXPECT_THAT(wrong, testing::Each(testing::IsEmpty())) << log_text;
}

INSTANTIATE_TEST_SUITE_P(EachGate, GatesTest, testing::ValuesIn(gates), [](const auto& gate) {
  return std::string(gate_names[static_cast<std::size_t>(gate.param)]);
});

// The pause is older than the worker: no heartbeat has told it yet.
class PausedStartTest : public RedisTest {};

TEST_F(PausedStartTest, AWorkerThatStartsOnAPausedQueueBeginsNothing) {
  if (IsSkipped() || HasFailure()) return;
  Queue queue(options(), "default");
  Client client(client_options(server()));
  for (int i = 0; i < 20; ++i) client.enqueue(Task{i});
  queue.pause();
  std::atomic<int> begun{0};
  Handlers handlers;
  handlers.on<Task>([&](const JobContext&, const Task&) { ++begun; });
  for (int start = 0; start < 10; ++start) {
    LogFile log;
    RunningWorker worker(worker_options(server()), handlers);
    ASSERT_TRUE(eventually([&] { return queue.counts().workers == 1; }));
    const auto names =
        redis::Connection(options()).call({"HGETALL", Keys("ferry", "default").workers});
    const std::string beat(names->root()[1].text);
    ASSERT_TRUE(eventually([&] {
      const auto now = redis::Connection(options()).call(
          {"HGET", Keys("ferry", "default").workers, names->root()[0].text});
      return now->root().text != beat;
    }));
    EXPECT_EQ(worker.stop(), 0);
    EXPECT_EQ(begun, 0);
  }
  EXPECT_EQ(queue.counts().waiting, 20);
  queue.resume();
  RunningWorker worker(worker_options(server()), handlers);
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 20; }));
  EXPECT_EQ(begun, 20);
  EXPECT_TRUE(queue.audit().balanced());
}

}  // namespace
}  // namespace ferry::test
