// Programs of every revision of the library against the newest one: see README.md.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "ferry/setup.hpp"
#include "ferry/worker.hpp"
#include "functions/library.hpp"
#include "revisions/left.hpp"
#include "revisions/player.hpp"
#include "revisions/recording.hpp"
#include "revisions/table.hpp"
#include "support/eventually.hpp"
#include "support/redis_test.hpp"
#include "support/run_program.hpp"
#include "support/running_worker.hpp"

namespace ferry::revisions {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::RunningWorker;
using testing::IsEmpty;

struct Task {
  static constexpr std::string_view kind = "task";
  int number = 0;
  std::string text{};
  MSGPACK_DEFINE_MAP(number, text)
};

const std::vector<Recording>& recordings() {
  static const std::vector<Recording> all = all_recordings();
  return all;
}

using Books = std::map<std::string, std::int64_t>;

Books books_of(const QueueCounts& counts) {
  const Books all{{"accepted", counts.accepted}, {"done", counts.done},
                  {"expired", counts.expired},   {"cancelled", counts.cancelled},
                  {"delayed", counts.delayed},   {"dead", counts.dead}};
  Books filled;
  for (const auto& [name, jobs] : all) {
    if (jobs != 0) filled.emplace(name, jobs);
  }
  return filled;
}

/// What one revision's programs said, and a Redis with the newest functions.
class RevisionTest : public test::RedisTest, public testing::WithParamInterface<std::size_t> {
 protected:
  void SetUp() override {
    test::RedisTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    begin_anew();
  }

  void begin_anew() {
    redis::Connection(options()).call({"FLUSHALL"});
    install_functions(options());
    redis::Connection(options()).call({"SADD", "ferry:queues", "mail"});
  }

  static const Recording& recording() { return recordings()[GetParam()]; }
  static Queue queue() { return {options(), "mail"}; }

  static ClientOptions client_options() {
    ClientOptions client;
    client.redis = options();
    client.queue = "mail";
    return client;
  }

  static WorkerOptions worker_options() {
    WorkerOptions worker;
    worker.redis = options();
    worker.queues = {{"mail", 1}};
    worker.concurrency = 2;
    worker.lease = std::chrono::milliseconds{played_lease_ms};
    worker.log.level = LogLevel::error;
    worker.print_stats_on_stop = false;
    return worker;
  }

  /// Remembers what ran; the fourth job of a scene is declined, as it was by the old workers.
  Handlers handlers() {
    Handlers all;
    all.on<Task>([this](const JobContext& context, const Task& task) {
      {
        const std::lock_guard lock(mutex_);
        ran_.insert(context.id);
        ++runs_;
      }
      return task.number == 4 && declines_ ? fail("declined") : done();
    });
    return all;
  }

  std::size_t jobs_run() {
    const std::lock_guard lock(mutex_);
    return ran_.size();
  }
  std::size_t runs() {
    const std::lock_guard lock(mutex_);
    return runs_;
  }

  /// What the recorded producers enqueued, by the newest client.
  static void enqueue_like(const std::string& scene, Client& client, Names& names) {
    EnqueueOptions options;
    if (scene == "delayed") options.run_after = std::chrono::milliseconds{played_delay_ms};
    const std::map<std::string, std::vector<int>> envelopes{
        {"plain", {1, 4}}, {"delayed", {2, 1}}, {"three", {3}}, {"six", {6}}};
    int number = 0;
    std::size_t place = 0;
    for (const int jobs : envelopes.at(scene)) {
      std::vector<Task> tasks;
      for (int i = 0; i < jobs; ++i) tasks.push_back({++number, ""});
      const auto results = client.enqueue_all(tasks, options);
      for (const EnqueueResult& result : results) ASSERT_TRUE(result);
      names.know_id(scene + "." + std::to_string(++place), results.front().id);
    }
  }

  void expect_left(const Books& expected, const std::string& what) {
    EXPECT_EQ(books_of(queue().counts()), expected) << what;
    EXPECT_THAT(queue().audit().violations, IsEmpty()) << what;
  }

  void expect_understood(const Player& player, const std::string& column) {
    EXPECT_THAT(player.complaints(), IsEmpty());
    table().add(recording().revision, column, player.calls(), !HasFailure());
  }

  bool declines_ = false;

 private:
  std::mutex mutex_;
  std::set<JobId> ran_;
  std::size_t runs_ = 0;
};

TEST_P(RevisionTest, EachRoleOfItUnderstandsTheNewestFunctions) {
  for (const std::string& role : role_names) {
    int calls = 0;
    for (const Scene& scene : recording().roles.at(role)) {
      begin_anew();
      Player player(recording(), options());
      player.play(role + "/" + scene.name);
      EXPECT_THAT(player.complaints(), IsEmpty());
      expect_left(scene.leaves, role + "/" + scene.name);
      calls += player.calls();
    }
    table().add(recording().revision, role, calls, !HasFailure());
  }
}

TEST_P(RevisionTest, ANewWorkerRunsWhatItsProducersEnqueue) {
  Player player(recording(), options());
  // A bound of two jobs: before there are others.
  player.play("producer/full");
  for (const Scene& scene : recording().roles.at("producer")) {
    if (scene.name != "full") player.play_alone("producer/" + scene.name);
  }
  const std::int64_t accepted = queue().counts().accepted;
  ASSERT_GE(accepted, 50);
  RunningWorker worker(worker_options(), handlers());
  ASSERT_TRUE(eventually([&] {
    const QueueCounts counts = queue().counts();
    return counts.done + counts.expired == accepted;
  }));
  worker.stop();
  EXPECT_EQ(runs(), jobs_run()) << "a job ran twice";
  EXPECT_EQ(queue().counts().expired, 1) << "the one that was enqueued to expire";
  EXPECT_THAT(queue().audit().violations, IsEmpty());
  expect_understood(player, "its producer, new worker");
}

TEST_P(RevisionTest, ItsWorkersRunWhatANewProducerEnqueues) {
  int calls = 0;
  for (const Scene& scene : recording().roles.at("worker")) {
    begin_anew();
    Player player(recording(), options());
    Client client(client_options());
    for (const std::string& before : scene.after) {
      if (before.starts_with("producer/")) {
        enqueue_like(before.substr(9), client, player.names);
      } else {
        player.play_alone(before);
      }
    }
    player.play_alone("worker/" + scene.name);
    EXPECT_THAT(player.complaints(), IsEmpty());
    expect_left(scene.leaves, scene.name);
    calls += player.calls();
  }
  table().add(recording().revision, "new producer, its worker", calls, !HasFailure());
}

TEST_P(RevisionTest, ItsWorkersAndNewOnesShareAQueue) {
  Client client(client_options());
  Player player(recording(), options());
  RunningWorker worker(worker_options(), handlers());
  std::int64_t accepted = 0;
  // The last worker dies with what it holds.
  for (const std::string scene : {"done", "release", "promote", "done", "holds"}) {
    for (int i = 0; i < 20; ++i) {
      for (const auto& result : client.enqueue_all(std::vector<Task>(5))) ASSERT_TRUE(result);
      accepted += 5;
    }
    enqueue_like("delayed", client, player.names);
    accepted += 3;
    player.play_alone("worker/arrives", Reading::shape);
    player.play_alone("worker/" + scene, Reading::shape);
  }
  ASSERT_TRUE(eventually([&] { return queue().counts().done == accepted; }));
  worker.stop();
  EXPECT_THAT(queue().audit().violations, IsEmpty());
  expect_understood(player, "both workers");
}

TEST_P(RevisionTest, ItsCommandLineLooksAtAQueueOfNewPrograms) {
  Client client(client_options());
  Player player(recording(), options());
  declines_ = true;
  RunningWorker worker(worker_options(), handlers());
  player.play_alone("command line/arrives", Reading::shape);
  for (const Scene& scene : recording().roles.at("command line")) {
    enqueue_like("six", client, player.names);
    enqueue_like("delayed", client, player.names);
    ASSERT_TRUE(eventually([&] { return queue().counts().dead > 0; })) << scene.name;
    player.play_alone("command line/" + scene.name, Reading::shape);
    queue().resume();
  }
  ASSERT_TRUE(eventually([&] {
    const QueueCounts counts = queue().counts();
    return counts.waiting + counts.leased + counts.delayed == 0;
  }));
  worker.stop();
  EXPECT_THAT(queue().audit().violations, IsEmpty());
  expect_understood(player, "its command line, new programs");
}

TEST_P(RevisionTest, ItsPauseReachesTheWorkersThatReadIt) {
  Player player(recording(), options());
  player.play("command line/queue pause");
  // Until revision 2 the flag stood in `state`: those workers read it, later ones do not.
  const bool in_control = recording().revision >= 3;
  EXPECT_EQ(queue().counts().paused, in_control);
  player.play_alone("command line/queue resume");
  EXPECT_FALSE(queue().counts().paused);
  EXPECT_THAT(player.complaints(), IsEmpty());
}

TEST_P(RevisionTest, NewProgramsGoOnWithWhatItLeft) {
  redis::Connection connection(options());
  begin_anew();
  put_back(recording().left.at("keys"), connection);
  const Books left = recording().left.at("counts");
  expect_left(left, "as it was left");
  const auto cli = [&](const std::string& arguments) {
    const auto ended =
        test::run(test::program("ferry") + " " + arguments + " --redis '" + options().url + "'");
    EXPECT_EQ(ended.code, 0) << arguments << ": " << ended.output;
    return ended.output;
  };
  for (const std::string state : {"waiting", "leased", "delayed", "dead"}) {
    cli("queue show mail --jobs " + state);
  }
  cli("queue show mail --audit");
  EXPECT_THAT(cli("dead ls mail"), testing::HasSubstr("declined"));

  const std::int64_t open = left.at("accepted") - left.at("done") - left.at("expired") -
                            left.at("dead") - left.at("delayed");
  RunningWorker worker(worker_options(), handlers());
  ASSERT_TRUE(eventually([&] { return queue().counts().done == left.at("done") + open; }));
  EXPECT_EQ(runs(), jobs_run()) << "a job that was settled ran again";
  // The declined one runs, garbage stays garbage.
  queue().retry_all_dead();
  ASSERT_TRUE(eventually([&] {
    const QueueCounts counts = queue().counts();
    return counts.done == left.at("done") + open + 1 && counts.dead == 1;
  }));
  worker.stop();
  EXPECT_THAT(queue().audit().violations, IsEmpty());
  table().add(recording().revision, "what it left, new programs", 0, !HasFailure());
}

std::string name_of(const testing::TestParamInfo<std::size_t>& info) {
  return "Revision" + std::to_string(recordings()[info.param].revision);
}

INSTANTIATE_TEST_SUITE_P(All, RevisionTest, testing::Range<std::size_t>(0, recordings().size()),
                         name_of);

TEST(RevisionsTest, EveryEarlierRevisionIsRecorded) {
  ASSERT_FALSE(recordings().empty());
  int expected = 1;
  for (const Recording& recording : recordings()) EXPECT_EQ(recording.revision, expected++);
  EXPECT_EQ(recordings().back().revision, library_revision() - 1)
      << "record the programs of the revision before this one: tests/revisions/README.md";
}

/// What a later revision may take for granted of the earlier ones.
TEST(RevisionsTest, EveryFunctionThatProgramsCallIsPlayed) {
  const std::set<std::string> of_all{"enqueue",
                                     "register",
                                     "renew",
                                     "leave",
                                     "reclaim",
                                     "start",
                                     "done",
                                     "settle",
                                     "bury",
                                     "release",
                                     "expire_producers",
                                     "promote",
                                     "counts",
                                     "count_parked",
                                     "count_range",
                                     "pause",
                                     "purge",
                                     "dead_retry",
                                     "revision",
                                     "dead_drop"};
  for (const Recording& recording : recordings()) {
    std::set<std::string> wanted = of_all;
    if (recording.revision >= 2) wanted.insert("open");
    if (recording.revision >= 3) wanted.insert("put_off");
    if (recording.revision >= 4) {
      wanted.erase("done");
      wanted.insert("finish");
    }
    for (const auto& [role, scenes] : recording.roles) {
      for (const Scene& scene : scenes) {
        for (const Step& step : scene.steps) {
          for (const auto& words : step.commands) {
            if (words[0].starts_with("FCALL")) wanted.erase(words[1].substr(9));
          }
        }
      }
    }
    EXPECT_THAT(wanted, IsEmpty()) << "revision " << recording.revision;
  }
}

}  // namespace
}  // namespace ferry::revisions
