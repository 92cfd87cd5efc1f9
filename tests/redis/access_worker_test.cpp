// What a worker can do with the rights that `ferry setup --acl` gives it, and what Redis refuses
// it.

#include <functional>
#include <stdexcept>

#include "support/access_fixture.hpp"
#include "support/eventually.hpp"
#include "support/running_worker.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

class AccessWorkerTest : public AccessTest {
 protected:
  static WorkerOptions working(Role role, const std::vector<QueueShare>& queues = {{"mail", 1}}) {
    WorkerOptions worker = worker_options(server());
    worker.redis = as(role);
    worker.queues = queues;
    return worker;
  }

  static Handlers doing_as_told() {
    Handlers handlers;
    HandlerOptions options_of_handler;
    options_of_handler.max_attempts = 2;
    options_of_handler.backoff = {std::chrono::milliseconds{1}, std::chrono::milliseconds{1}};
    handlers.on<Note>(
        [](const JobContext& context, const Note& note) {
          if (note.text == "fail") throw std::runtime_error("as told");
          if (note.text == "retry" && context.attempt == 1) throw std::runtime_error("as told");
        },
        options_of_handler);
    return handlers;
  }

  /// A worker of whom nothing more is heard, with one envelope in its hands.
  void fall_silent() {
    redis::Connection hand(options());
    hand.call({"FCALL", "ferry_v1_register", "5", keys.control, keys.workers, keys.ready[0],
               keys.ready[1], keys.ready[2], "silent"});
    const auto taken = hand.call(
        {"XREADGROUP", "GROUP", "ferry", "silent", "COUNT", "1", "STREAMS", keys.ready[1], ">"});
    ASSERT_EQ(taken->root().size, 1u);
  }
};

TEST_F(AccessWorkerTest, AWorkerDoesAllOfItsWork) {
  Client client(producing(Role::producer));
  client.enqueue(Note{"of a worker that fell silent"});
  fall_silent();
  for (const char* text : {"done", "retry", "fail"}) client.enqueue(Note{text});
  EnqueueOptions soon;
  soon.run_after = std::chrono::milliseconds{10};
  client.enqueue(Note{"delayed"}, soon);
  client.enqueue_packed("note", "\xc1 is no msgpack");
  redis::Connection hand(options());
  hand.call({"XADD", keys.ready[1], "*", "e", "no envelope at all"});
  {
    RunningWorker worker(working(Role::worker), doing_as_told());
    EXPECT_TRUE(eventually([&] {
      const QueueCounts counts = look().counts();
      return counts.done == 4 && counts.dead == 3;
    }));
    EXPECT_EQ(worker.stop(), 0);
  }
  EXPECT_TRUE(look().audit().balanced());
  EXPECT_EQ(look().counts().workers, 0);
  EXPECT_THAT(refusals(), IsEmpty());
}

TEST_F(AccessWorkerTest, AWorkerSeesThatItsQueueIsPaused) {
  EXPECT_EQ(answer(Role::admin, {"FCALL", "ferry_v1_pause", "1", keys.control, "1"}), "OK");
  const Command in{"FCALL",      "ferry_v1_register", "3", keys.control,
                   keys.workers, keys.ready[1],       "w"};
  EXPECT_EQ(answer(Role::worker, in), "[OK, 1]");
  const Command alive{"FCALL", "ferry_v1_renew", "2", keys.control, keys.workers, "w"};
  EXPECT_EQ(answer(Role::worker, alive), "[OK, 1]");
  Queue(as(Role::admin), "mail").resume();
  EXPECT_EQ(answer(Role::worker, alive), "[OK, 0]");
}

TEST_F(AccessWorkerTest, AWorkerNeitherEnqueuesPausesNorPurges) {
  Client(producing(Role::producer)).enqueue(Note{"waits"});
  for (const std::string& text : {std::string("small"), std::string(10'000, 'x')}) {
    const Error error = error_from([&] { Client(producing(Role::worker)).enqueue(Note{text}); });
    EXPECT_EQ(error.code(), ErrorCode::denied);
    const char* function = text.size() > 100 ? "ferry_v1_open" : "ferry_v1_enqueue";
    EXPECT_THAT(error.what(), AllOf(HasSubstr(function), HasSubstr("the role producer")));
  }
  Queue queue(as(Role::worker), "mail");
  for (const auto& attempt : std::vector<std::function<void()>>{
           [&] { queue.pause(); }, [&] { queue.resume(); }, [&] { queue.purge(); }}) {
    const Error error = error_from(attempt);
    EXPECT_EQ(error.code(), ErrorCode::denied);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("NOPERM"), HasSubstr("no right to HSET ferry:{mail:0}:control"),
                      HasSubstr("the role admin")));
  }
  EXPECT_EQ(error_from([&] { queue.retry_all_dead(); }).code(), ErrorCode::denied);
  EXPECT_EQ(error_from([&] { queue.drop_all_dead(); }).code(), ErrorCode::denied);
  expect_refused(
      Role::worker,
      {{"HSET", keys.control, "paused", "1"},
       {"HINCRBY", keys.control, "paused", "1"},
       {"HDEL", keys.control, "paused"},
       {"DEL", keys.ready[1]},
       {"XGROUP", "DESTROY", keys.ready[1], "ferry"},
       {"ZREM", keys.dead, "1:00"},
       {"FCALL", "ferry_v1_dead_drop", "3", keys.state, keys.dead, keys.parked, "1:00"},
       {"FCALL", "ferry_v1_purge", "5", keys.state, keys.due, keys.parked, keys.progress,
        keys.ready[1], "500"},
       {"FCALL", "ferry_v1_dead_retry", "4", keys.state, keys.dead, keys.parked, keys.ready[0]}});
  // A key of another name does not open the door either.
  EXPECT_THAT(answer(Role::worker, {"FCALL", "ferry_v1_purge", "5", keys.workers, keys.due,
                                    keys.parked, keys.progress, keys.ready[1], "500"}),
              HasSubstr("nothing was changed"));
  const QueueCounts counts = look().counts();
  EXPECT_EQ(counts.waiting, 1);
  EXPECT_EQ(counts.accepted, 1);
  EXPECT_FALSE(counts.paused);
}

TEST_F(AccessWorkerTest, AWorkerOfOneQueueDoesNotReachAnother) {
  make(Role::worker, {"mail"});
  Client client(producing(Role::producer));
  client.enqueue(Note{"done"});
  EnqueueOptions elsewhere;
  elsewhere.queue = "files";
  client.enqueue(Note{"of another"}, elsewhere);
  const Keys files("ferry", "files");
  expect_refused(
      Role::worker,
      {{"XADD", files.ready[1], "*", "e", "x"},
       {"XREADGROUP", "GROUP", "ferry", "w", "STREAMS", files.ready[1], ">"},
       {"XRANGE", files.ready[1], "-", "+"},
       {"HINCRBY", files.state, "done", "1"},
       {"FCALL", "ferry_v1_register", "3", files.control, files.workers, files.ready[1], "w"},
       {"FCALL", "ferry_v1_release", "4", keys.state, keys.workers, keys.progress, files.ready[1]},
       {"XADD", "ferry:{mail2:0}:ready:1", "*", "e", "x"}});
  {
    RunningWorker worker(working(Role::worker), doing_as_told());
    EXPECT_TRUE(eventually([&] { return look().counts().done == 1; }));
  }
  testing::internal::CaptureStderr();
  RunningWorker greedy(working(Role::worker, {{"mail", 1}, {"files", 1}}), doing_as_told());
  EXPECT_EQ(greedy.join(), 1) << "it stops at once";
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("Redis refuses; stopping"), HasSubstr("ferry_v1_register"),
                    HasSubstr("the role worker")));
  EXPECT_EQ(look("files").counts().waiting, 1);
}

TEST_F(AccessWorkerTest, AnotherRoleDoesNotWork) {
  for (const Role role : {Role::producer, Role::viewer, Role::admin}) {
    testing::internal::CaptureStderr();
    RunningWorker worker(working(role), doing_as_told());
    EXPECT_EQ(worker.join(), 1) << to_string(role);
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                AllOf(HasSubstr("Redis refuses; stopping"), HasSubstr("NOPERM"),
                      HasSubstr("ferry setup --acl"), testing::Not(HasSubstr(password))));
  }
}

// A producer that may not read jobs cannot look how old the oldest is: workers look for it.
TEST_F(AccessWorkerTest, AProducerLearnsTheAgeOfTheOldestJobWithoutReadingIt) {
  Client client(producing(Role::producer));
  client.enqueue(Note{"oldest"});
  EXPECT_TRUE(eventually([&] {
    client.enqueue(Note{"younger"});
    return client.hint("mail").oldest_age > std::chrono::milliseconds{150};
  })) << "without a worker it counts from its own first job";
  ClientOptions strict = producing(Role::producer);
  strict.limits.max_age = std::chrono::milliseconds{100};
  strict.when_full = WhenFull::reject;
  Client bounded(strict);
  EXPECT_EQ(error_from([&] { bounded.enqueue(Note{"refused"}); }).code(), ErrorCode::full);
  {
    RunningWorker worker(working(Role::worker), doing_as_told());
    EXPECT_TRUE(eventually([&] { return look().counts().waiting == 0; }));
  }
  // What was old is gone, and nobody is there to say so: the group's cursor tells.
  EXPECT_TRUE(eventually([&] {
    try {
      bounded.enqueue(Note{"stored"});
      return true;
    } catch (const Error&) {
      return false;
    }
  }));
  EXPECT_THAT(refusals(), IsEmpty());
}

TEST_F(AccessWorkerTest, AProducerSeesByTheGroupsCursorThatTheOldestJobWasFetched) {
  Client client(producing(Role::producer));
  client.enqueue(Note{"oldest"});
  ASSERT_TRUE(eventually([&] {
    client.enqueue(Note{"younger"});
    return client.hint("mail").oldest_age > std::chrono::milliseconds{300};
  }));
  redis::Connection connection(options());
  connection.call({"XGROUP", "CREATE", keys.ready[1], "ferry", "0"});
  connection.call(
      {"XREADGROUP", "GROUP", "ferry", "w", "COUNT", "1", "STREAMS", keys.ready[1], ">"});
  EXPECT_TRUE(eventually([&] {
    client.enqueue(Note{"youngest"});
    return client.hint("mail").oldest_age < std::chrono::milliseconds{300};
  }));
}

TEST_F(AccessWorkerTest, AWorkersLookTellsAProducerOfJobsThatOthersStored) {
  ClientOptions trusted;
  trusted.redis = options();
  trusted.queue = "mail";
  Client(trusted).enqueue(Note{"of another producer"});
  ASSERT_TRUE(eventually([&] { return look().counts().oldest_age.count() > 300; }));
  redis::Connection(options()).call({"FUNCTION", "FLUSH"});  // what is remembered is forgotten
  install_functions(options());
  redis::Connection connection(options());
  load_mutant(connection);

  Client client(producing(Role::producer));
  client.enqueue(Note{"first"});
  EXPECT_LT(client.hint("mail").oldest_age, look().counts().oldest_age);
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(
        answer(Role::worker, {"FCALL", "ferry_v1_promote", "6", keys.state, keys.due, keys.parked,
                              keys.ready[0], keys.ready[1], keys.ready[2], "500", "65536"}),
        "[0, -1]");
    const auto age = look().counts().oldest_age;
    client.enqueue(Note{"more"});
    return client.hint("mail").oldest_age >= age;
  }));
  EXPECT_THAT(refusals(), IsEmpty());
}

}  // namespace
}  // namespace ferry::test
