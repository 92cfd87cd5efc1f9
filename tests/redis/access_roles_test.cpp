// What producers, viewers and admins can do with the rights that `ferry setup --acl` gives them,
// and what Redis refuses them. Workers: access_worker_test.cpp.

#include <functional>

#include "support/access_fixture.hpp"
#include "wire/envelope.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

class AccessRolesTest : public AccessTest {
 protected:
  /// One job in each state, stored and settled by a user who may do everything.
  void fill() {
    ClientOptions options_of_client;
    options_of_client.redis = options();
    options_of_client.queue = "mail";
    Client client(options_of_client);
    client.enqueue(Note{"waiting"});
    EnqueueOptions later;
    later.run_after = std::chrono::hours{1};
    client.enqueue(Note{"delayed"}, later);
    EnqueueOptions urgent;
    urgent.priority = Priority::high;
    dead_ = client.enqueue(Note{"dead"}, urgent);
    die_of_age();
  }

  /// Lets the one job of the urgent stream become a dead letter.
  void die_of_age() {
    redis::Connection hand(options());
    hand.call({"FCALL", "ferry_v1_register", "3", keys.control, keys.workers, keys.ready[0], "w"});
    const auto fetched =
        hand.call({"XREADGROUP", "GROUP", "ferry", "w", "STREAMS", keys.ready[0], ">"});
    const redis::Reply& entry = fetched->root()[0][1][0];
    const std::string bytes(entry[1][1].text);
    wire::StoredEnvelope stored;
    ASSERT_EQ(wire::decode(bytes, stored), "");
    wire::EnvelopeWriter writer(stored.jobs[0].id);
    writer.add_moved(stored.jobs[0], nullptr);
    const std::string letter = writer.finish(0, wire::Death{"declined", 1'700'000'000'000, 1});
    hand.call({"FCALL",
               "ferry_v1_settle",
               "7",
               keys.state,
               keys.workers,
               keys.progress,
               keys.ready[0],
               keys.due,
               keys.parked,
               keys.dead,
               "w",
               entry[0].text,
               "1",
               std::to_string(bytes.size()),
               "",
               "",
               "0",
               "f",
               "0",
               letter});
  }

  JobId dead_;
};

TEST_F(AccessRolesTest, AProducerEnqueuesSmallLargeUrgentAndDelayedJobs) {
  Client client(producing(Role::producer));
  client.enqueue(Note{"small"});
  EnqueueOptions options_of_job;
  options_of_job.run_after = std::chrono::hours{1};
  client.enqueue(Note{"delayed"}, options_of_job);
  options_of_job = {};
  options_of_job.priority = Priority::low;
  client.enqueue(Note{"low"}, options_of_job);
  const std::vector<Note> large(50, Note{std::string(5000, 'x')});
  for (const auto& result : client.enqueue_all(large)) EXPECT_TRUE(result);

  const QueueCounts counts = look().counts();
  EXPECT_EQ(counts.waiting, 52);
  EXPECT_EQ(counts.delayed, 1);
  EXPECT_TRUE(look().audit().balanced());
  EXPECT_THAT(Queue::list(options()), testing::ElementsAre("mail"));
  redis::Connection admin(options());
  EXPECT_THAT(std::string(admin.call({"INFO", "commandstats"})->root().text),
              HasSubstr("cmdstat_renamenx"))
      << "large calls are transactions for a producer as well";
  EXPECT_THAT(refusals(), IsEmpty());
}

TEST_F(AccessRolesTest, AProducerMayAskForReplicas) {
  ClientOptions careful = producing(Role::producer);
  careful.durability = Durability::replicated(1);
  careful.block_timeout = std::chrono::milliseconds{200};
  Client client(careful);
  const Error error = error_from([&] { client.enqueue(Note{"here only"}); });
  EXPECT_EQ(error.code(), ErrorCode::unconfirmed) << error.what();
}

TEST_F(AccessRolesTest, AProducerReadsNoJobs) {
  fill();
  const std::string& ready = keys.ready[1];
  expect_refused(Role::producer, {{"XRANGE", ready, "-", "+"},
                                  {"XREVRANGE", ready, "+", "-"},
                                  {"XREAD", "STREAMS", ready, "0"},
                                  {"XREADGROUP", "GROUP", "ferry", "p", "STREAMS", ready, ">"},
                                  {"XINFO", "STREAM", ready},
                                  {"XINFO", "STREAM", ready, "FULL"},
                                  {"XCLAIM", ready, "ferry", "p", "0", "0-1"},
                                  {"XAUTOCLAIM", ready, "ferry", "p", "0", "0"},
                                  {"DUMP", ready},
                                  {"COPY", ready, keys.gate_of("p")},
                                  {"HGETALL", keys.parked},
                                  {"HMGET", keys.parked, "1:00"},
                                  {"HGET", keys.parked, "1:00"},
                                  {"HVALS", keys.parked},
                                  {"ZRANGE", keys.due, "0", "-1"},
                                  {"RENAMENX", ready, keys.state},
                                  {"RENAMENX", ready, keys.producers},
                                  {"HGETALL", keys.producers},
                                  {"MONITOR"}});
  Queue queue(as(Role::producer), "mail");
  const Error counting = error_from([&] { queue.counts(); });
  EXPECT_EQ(counting.code(), ErrorCode::denied);
  EXPECT_THAT(counting.what(), AllOf(HasSubstr("NOPERM"), HasSubstr("ferry_v1_books"),
                                     HasSubstr("the role viewer")));
  EXPECT_EQ(error_from([&] { queue.dead_payload(dead_); }).code(), ErrorCode::denied);
}

TEST_F(AccessRolesTest, AProducerNeitherTakesNorOperates) {
  fill();
  Queue queue(as(Role::producer), "mail");
  const Error pausing = error_from([&] { queue.pause(); });
  EXPECT_EQ(pausing.code(), ErrorCode::denied);
  EXPECT_THAT(pausing.what(), AllOf(HasSubstr("HSET ferry:{mail:0}:control"),
                                    HasSubstr("ferry_v1_pause"), HasSubstr("the role admin")));
  EXPECT_EQ(error_from([&] { queue.purge(); }).code(), ErrorCode::denied);
  EXPECT_EQ(error_from([&] { queue.retry_all_dead(); }).code(), ErrorCode::denied);
  expect_refused(
      Role::producer,
      {{"HSET", keys.control, "paused", "1"},
       {"XACK", keys.ready[1], "ferry", "0-1"},
       {"XDEL", keys.ready[1], "0-1"},
       {"XTRIM", keys.ready[1], "MAXLEN", "0"},
       {"DEL", keys.ready[1]},
       {"UNLINK", keys.parked},
       {"EXPIRE", keys.ready[1], "1"},
       {"FCALL", "ferry_v1_dead_drop", "3", keys.state, keys.dead, keys.parked, "0:00"},
       {"FCALL", "ferry_v1_register", "3", keys.control, keys.workers, keys.ready[1], "w"}});
  const QueueCounts counts = look().counts();
  EXPECT_EQ(counts.waiting + counts.delayed + counts.dead, 3);
  EXPECT_FALSE(counts.paused);
}

TEST_F(AccessRolesTest, AProducerOfOneQueueDoesNotReachAnother) {
  make(Role::producer, {"mail"});
  Client client(producing(Role::producer));
  client.enqueue(Note{"allowed"});
  EnqueueOptions elsewhere;
  elsewhere.queue = "files";
  const Error small = error_from([&] { client.enqueue(Note{"not allowed"}, elsewhere); });
  EXPECT_EQ(small.code(), ErrorCode::denied);
  EXPECT_THAT(small.what(), AllOf(HasSubstr("NOPERM"), HasSubstr("ferry_v1_enqueue")));
  const Error large =
      error_from([&] { client.enqueue(Note{std::string(10'000, 'x')}, elsewhere); });
  EXPECT_EQ(large.code(), ErrorCode::denied);
  EXPECT_THAT(large.what(), AllOf(HasSubstr("NOPERM"), HasSubstr("ferry_v1_open")));
  expect_refused(Role::producer, {{"XADD", "ferry:{files:0}:ready:1", "*", "e", "x"},
                                  {"XADD", "other:{mail:0}:ready:1", "*", "e", "x"},
                                  {"XADD", "ferry:{mail2:0}:ready:1", "*", "e", "x"}});
  client.enqueue(Note{"still allowed"});
  EXPECT_EQ(look().counts().waiting, 2);
  EXPECT_EQ(look("files").counts().accepted, 0);
}

TEST_F(AccessRolesTest, AViewerSeesEverything) {
  fill();
  Queue queue(as(Role::viewer), "mail");
  const QueueCounts counts = queue.counts();
  EXPECT_EQ(counts.waiting, 1);
  EXPECT_EQ(counts.dead, 1);
  for (const JobState state : {JobState::waiting, JobState::delayed, JobState::dead}) {
    EXPECT_EQ(queue.jobs(state).jobs.size(), 1u);
  }
  EXPECT_TRUE(queue.jobs(JobState::leased).jobs.empty());
  EXPECT_TRUE(queue.audit().balanced());
  EXPECT_EQ(queue.dead(dead_)->reason, "declined");
  EXPECT_THAT(*queue.dead_payload(dead_), HasSubstr("dead"));
  EXPECT_THAT(Queue::list(as(Role::viewer)), testing::ElementsAre("mail"));
  EXPECT_THAT(refusals(), IsEmpty());
}

TEST_F(AccessRolesTest, AViewerChangesNothing) {
  fill();
  Queue queue(as(Role::viewer), "mail");
  const std::vector<std::function<void()>> attempts{
      [&] { queue.pause(); },
      [&] { queue.resume(); },
      [&] { queue.purge(); },
      [&] { queue.retry_all_dead(); },
      [&] { queue.drop_all_dead(); },
      [&] { Client(producing(Role::viewer)).enqueue(Note{"new"}); },
      [&] { Client(producing(Role::viewer)).enqueue(Note{std::string(10'000, 'x')}); }};
  for (const auto& attempt : attempts) {
    const Error error = error_from(attempt);
    EXPECT_EQ(error.code(), ErrorCode::denied);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("NOPERM"), HasSubstr("the user may not call")));
  }
  expect_refused(Role::viewer,
                 {{"HSET", keys.state, "accepted", "9"},
                  {"XADD", keys.ready[1], "*", "e", "x"},
                  {"SADD", "ferry:queues", "other"},
                  {"DEL", keys.ready[1]},
                  {"XREADGROUP", "GROUP", "ferry", "v", "STREAMS", keys.ready[1], ">"},
                  {"FCALL", "ferry_v1_counts", "1", keys.state}});
  const QueueCounts counts = look().counts();
  EXPECT_EQ(counts.waiting + counts.delayed + counts.dead, 3);
  EXPECT_EQ(counts.accepted, 3);
}

TEST_F(AccessRolesTest, AnAdminOperates) {
  fill();
  Queue queue(as(Role::admin), "mail");
  queue.pause();
  EXPECT_TRUE(queue.counts().paused);
  queue.resume();
  EXPECT_FALSE(queue.counts().paused);
  EXPECT_EQ(queue.retry_all_dead(), 1);
  EXPECT_EQ(queue.purge(), 3);
  fill();
  EXPECT_EQ(queue.drop_dead(std::vector<JobId>{dead_}), 1);
  EXPECT_TRUE(queue.audit().balanced());
  redis::Connection(options()).call({"FUNCTION", "FLUSH"});
  EXPECT_TRUE(install_functions(as(Role::admin)));
  EXPECT_THAT(refusals(), IsEmpty());
}

TEST_F(AccessRolesTest, NobodyNeedsWhatIsDangerous) {
  for (const Role role : {Role::producer, Role::worker, Role::viewer, Role::admin}) {
    expect_refused(role, {{"EVAL", "return 1", "0"},
                          {"EVALSHA", "00", "0"},
                          {"SCRIPT", "LOAD", "return 1"},
                          {"CONFIG", "GET", "requirepass"},
                          {"CONFIG", "SET", "maxmemory", "1"},
                          {"FLUSHALL"},
                          {"FLUSHDB"},
                          {"KEYS", "*"},
                          {"SCAN", "0"},
                          {"MONITOR"},
                          {"SHUTDOWN", "NOSAVE"},
                          {"FUNCTION", "FLUSH"},
                          {"FUNCTION", "DELETE", "ferry_v1"},
                          {"ACL", "SETUSER", "mine", "on"},
                          {"ACL", "LIST"},
                          {"CLIENT", "KILL", "TYPE", "normal"},
                          {"REPLICAOF", "NO", "ONE"},
                          {"SET", "key", "value"},
                          {"GET", "key"},
                          {"SUBSCRIBE", "channel"},
                          {"PUBLISH", "channel", "text"}});
    if (role == Role::admin) continue;
    expect_refused(role, {{"FUNCTION", "LOAD", "REPLACE", "#!lua name=ferry_v1"}});
  }
}

TEST_F(AccessRolesTest, AMissingLibraryIsNotInstalledByAProducerButNamed) {
  redis::Connection(options()).call({"FUNCTION", "FLUSH"});
  Client client(producing(Role::producer));
  const Error error = error_from([&] { client.enqueue(Note{"early"}); });
  EXPECT_EQ(error.code(), ErrorCode::denied);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("ferry setup"), HasSubstr("+function|load")));
}

}  // namespace
}  // namespace ferry::test
