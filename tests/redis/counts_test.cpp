// What a job costs in commands, round trips and bytes: exact on every machine, so asserted.
//
// Every figure is counted twice: by Ferry's own meters and by Redis. Where the clock decides (how
// many envelopes share a call, how often an empty queue is asked), relations and bounds are
// asserted; where it does not, exact numbers. The budgets are in tests/budgets.json.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/worker.hpp"
#include "support/counting_budgets.hpp"
#include "support/counting_redis.hpp"
#include "support/counting_worker.hpp"
#include "support/redis_test.hpp"
#include "support/running_worker.hpp"

namespace ferry::test {
namespace {

using ::testing::ElementsAreArray;

std::int64_t count(const CommandCounts& commands, const std::string& name) {
  const auto found = commands.find(name);
  return found == commands.end() ? 0 : found->second;
}

/// What a client's meter says of the time between two looks.
ClientStats between(const ClientStats& before, const ClientStats& after) {
  ClientStats delta;
  delta.enqueued_jobs = after.enqueued_jobs - before.enqueued_jobs;
  delta.calls = after.calls - before.calls;
  delta.envelopes = after.envelopes - before.envelopes;
  delta.redis_commands = after.redis_commands - before.redis_commands;
  delta.round_trips = after.round_trips - before.round_trips;
  delta.bytes_out = after.bytes_out - before.bytes_out;
  delta.bytes_in = after.bytes_in - before.bytes_in;
  return delta;
}

class CountsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    redis = start_redis({.arguments = ServerMeter::server_arguments()});
    if (!redis) return;
    reach.url = redis->url();
    server.emplace(reach);
    client.emplace(ClientOptions{.redis = reach});
    client->enqueue(Parcel{});  // connects, loads the functions, makes the queue known
  }

  void enqueue(std::size_t jobs) {
    for (const auto& result : client->enqueue_all(std::vector<Parcel>(jobs))) {
      ASSERT_TRUE(result) << result.error->what();
    }
  }

  /// Enqueues in the way that is measured.
  void measure_enqueue(std::size_t times, std::size_t jobs) {
    server->start();
    const ClientStats before = client->stats();
    const auto since = std::chrono::system_clock::now();
    for (std::size_t i = 0; i < times; ++i) enqueue(jobs);
    const auto took = std::chrono::system_clock::now() - since;
    own = between(before, client->stats());
    theirs = server->since_start();
    // The age of the oldest job is looked up when what is known of it is more than 100 ms old.
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    most_age_lookups = ms / 100 + 1;
  }

  /// The commands of so many large calls, look-ups of the age apart; nothing else may be there.
  void expect_enqueue_commands(std::int64_t calls, std::int64_t envelopes) {
    CommandCounts seen = theirs.commands;
    const std::int64_t lookups = count(seen, "xinfo|groups");
    EXPECT_EQ(count(seen, "xrange"), lookups) << "one XINFO and one XRANGE for each stream";
    EXPECT_EQ(lookups % priority_count, 0);
    EXPECT_LE(lookups / static_cast<std::int64_t>(priority_count), most_age_lookups);
    seen.erase("xinfo|groups");
    seen.erase("xrange");
    const CommandCounts expected{{"multi", calls},    {"fcall", calls},    {"hmget", calls},
                                 {"hget", calls},     {"time", calls},     {"renamenx", 2 * calls},
                                 {"xadd", envelopes}, {"hset", 2 * calls}, {"exec", calls}};
    EXPECT_EQ(seen, expected);
    expect_own_meter_is_right(4 * calls + envelopes);
  }

  void expect_own_meter_is_right(std::int64_t commands) {
    EXPECT_EQ(static_cast<std::int64_t>(own.bytes_out), theirs.bytes_in);
    EXPECT_EQ(static_cast<std::int64_t>(own.bytes_in), theirs.bytes_out);
    EXPECT_EQ(static_cast<std::int64_t>(own.redis_commands), commands);
    EXPECT_EQ(static_cast<std::int64_t>(own.calls), count(theirs.commands, "fcall"));
  }

  /// Leaves the queue with so many envelopes of 256 jobs, and nothing else.
  void fill(std::size_t envelopes) {
    client.reset();
    redis::Connection(reach).call({"FLUSHALL"});
    client.emplace(ClientOptions{.redis = reach});
    for (std::size_t i = 0; i < envelopes; ++i) enqueue(256);
    ASSERT_EQ(client->stats().envelopes, envelopes);
  }

  static Handlers batch_handlers() {
    Handlers handlers;
    // Whole envelopes: part of one is told by itself when the rest takes longer than 20 ms.
    handlers.on_batch<Parcel>(realtime(4 * 256), [](Batch<Parcel>&) {});
    return handlers;
  }

  /// However many share a call, every envelope is acknowledged once and deleted once.
  static void expect_settled_once(const std::vector<Traced>& trace, std::size_t envelopes) {
    std::size_t acked = 0;
    std::size_t deleted = 0;
    for (const Traced& command : trace) {
      acked += command.acked;
      deleted += command.deleted;
      if (trims(command)) deleted += command.acked - 1;
    }
    EXPECT_EQ(acked, envelopes);
    EXPECT_EQ(deleted, envelopes);
  }

  /// Whether it deletes all but the last of its envelopes at once.
  static bool trims(const Traced& call) {
    return std::ranges::find(call.inside, "XTRIM") != call.inside.end();
  }

  void expect_enqueue_of_budget(const Traced& call) const {
    std::vector<std::string> inside = call.inside;
    std::erase(inside, "XINFO GROUPS");  // the look-up of the age, at most every 100 ms
    std::erase(inside, "XRANGE");
    EXPECT_THAT(inside, ElementsAreArray(budgets.commands_of(call.words[1])));
  }

  void expect_commands_of_budget(const Traced& call) const {
    ASSERT_TRUE(budgets.knows(call.words[1])) << call.words[1] << " has no budget";
    auto expected = budgets.commands_of(call.words[1]);
    // The watch over silent workers looks at the streams when it is one lease old.
    if (call.is_call_of("ferry_v1_reclaim")) expected.resize(call.inside.size() > 2 ? 5 : 2);
    if (call.is_call_of("ferry_v1_finish") && call.acked > 2) {
      expected = budgets.commands_of("ferry_v1_finish of three or more");
      if (!trims(call)) std::erase(expected, "XTRIM");  // others hold some that came before
    }
    EXPECT_THAT(call.inside, ElementsAreArray(expected)) << call.words[1];
  }

  std::unique_ptr<PrivateRedis> redis;
  RedisOptions reach;
  std::optional<ServerMeter> server;
  std::optional<Client> client;
  Budgets budgets;
  ClientStats own;
  ServerWork theirs;
  std::int64_t most_age_lookups = 0;
};

TEST_F(CountsTest, AParcelHasTheSizeTheBudgetsSpeakOf) {
  detail::PackedJobs packed;
  packed.add(Parcel{});
  EXPECT_EQ(packed[0].size(), Parcel::payload_bytes);
}

TEST_F(CountsTest, ALoneEnqueueIsOneCommandAndOneRoundTrip) {
  if (!redis) return;
  constexpr std::size_t times = 20;
  server->start();
  const ClientStats before = client->stats();
  for (std::size_t i = 0; i < times; ++i) client->enqueue(Parcel{});
  own = between(before, client->stats());
  theirs = server->since_start();
  expect_own_meter_is_right(times);
  budgets.check("enqueue_one.commands", static_cast<double>(own.redis_commands) / times);
  budgets.check("enqueue_one.round_trips", static_cast<double>(own.round_trips) / times);
}

// 768 jobs are handed over in one piece, so the clock has no say: every number is exact.
TEST_F(CountsTest, ThreeEnvelopesHandedOverAtOnceAreOneCall) {
  if (!redis) return;
  constexpr std::size_t times = 10;
  measure_enqueue(times, 768);
  EXPECT_EQ(own.enqueued_jobs, times * 768);
  EXPECT_EQ(own.envelopes, times * 3);
  expect_enqueue_commands(times, times * 3);
  budgets.check("enqueue_768.commands", static_cast<double>(own.redis_commands) / times);
  budgets.check("enqueue_768.round_trips", static_cast<double>(own.round_trips) / times);
}

// A longer bulk leaves in pieces while it is still being packed. How many pieces share a call
// depends on how fast Redis is; a piece never starts more than one call.
TEST_F(CountsTest, ALongBulkCostsItsEnvelopesAndLittleElse) {
  if (!redis) return;
  constexpr std::size_t jobs = 64 * 256;
  constexpr std::size_t pieces = (jobs + 999) / 1000;
  measure_enqueue(1, jobs);
  EXPECT_EQ(own.enqueued_jobs, jobs);
  EXPECT_LE(own.calls, pieces);
  EXPECT_LE(own.envelopes, jobs / 256 + own.calls);
  expect_enqueue_commands(static_cast<std::int64_t>(own.calls),
                          static_cast<std::int64_t>(own.envelopes));
  EXPECT_LE(own.round_trips, own.calls);
  const auto per_job = [](std::uint64_t count) { return static_cast<double>(count) / jobs; };
  budgets.check("enqueue_256.round_trips_per_job", per_job(own.round_trips));
  budgets.check("enqueue_256.envelopes_per_256_jobs", 256 * per_job(own.envelopes));
  budgets.check("enqueue_256.bytes_out_per_job", per_job(own.bytes_out));
  budgets.check("enqueue_256.bytes_in_per_job", per_job(own.bytes_in));
}

TEST_F(CountsTest, EnqueueRunsTheCommandsOfItsBudgetInOrder) {
  if (!redis) return;
  server->start();
  client->enqueue(Parcel{});
  const auto trace = server->trace();
  ASSERT_EQ(trace.size(), 1U);
  expect_enqueue_of_budget(trace[0]);
}

TEST_F(CountsTest, ALargeEnqueueRunsTheCommandsOfItsBudgetInOrder) {
  if (!redis) return;
  server->start();
  enqueue(256);
  std::vector<std::string> words;
  for (const Traced& command : server->trace()) {
    words.push_back(command.words[0]);
    if (command.words[0] == "FCALL") expect_enqueue_of_budget(command);
  }
  EXPECT_THAT(words, ElementsAreArray(budgets.commands_of("a large enqueue")));
}

// Fetch and settle alone: heartbeat and upkeep call by the clock, so they are left out here and
// looked at in the test below.
TEST_F(CountsTest, DrainCostsAFetchASettleAndNothingElse) {
  if (!redis) return;
  constexpr std::size_t envelopes = 200;
  constexpr std::size_t jobs = envelopes * 256;
  fill(envelopes);

  server->start();
  const auto since = std::chrono::steady_clock::now();
  BareWorker worker(reach, batch_handlers(), 1000);
  ASSERT_TRUE(worker.wait_until_done(jobs));
  worker.stop();
  const auto took = std::chrono::steady_clock::now() - since;
  theirs = server->since_start();
  const auto trace = server->trace();

  const WorkerStats stats = worker.stats();
  EXPECT_EQ(stats.fetched_envelopes, envelopes);
  const auto settles = static_cast<std::int64_t>(stats.settle_calls);
  const std::int64_t fetches = count(theirs.commands, "xreadgroup");
  EXPECT_LE(settles, static_cast<std::int64_t>(envelopes));
  // Beside those that bring jobs: one that finds the stream empty after a full answer, and those
  // that wait for new jobs, each for `block`.
  EXPECT_LE(fetches, static_cast<std::int64_t>(worker.fetches_with_jobs()) + 2 +
                         took / detail::Fetcher::block);
  const auto is_long = [](const Traced& call) { return call.acked > 2; };
  const std::int64_t looked = std::ranges::count_if(trace, is_long);
  const std::int64_t trimmed = std::ranges::count_if(trace, trims);
  CommandCounts expected{{"client|setname", 2},  // two connections
                         {"fcall", 2 + settles},
                         {"xinfo|groups", 3},   // register, with the next four
                         {"xgroup|create", 2},  // the third came with the first large call
                         {"time", 1},
                         {"hset", 1},
                         {"hget", 1},
                         {"xpending", 3 + looked},  // for lost fetches; before a trim
                         {"xreadgroup", fetches},
                         {"hexists", settles},
                         {"xack", settles},
                         {"xdel", settles},
                         {"exists", settles},
                         {"hincrby", 2 * settles}};
  if (trimmed > 0) expected["xtrim"] = trimmed;
  // A fetch of many asks what is stored.
  const std::int64_t weighed = count(theirs.commands, "xlen");
  EXPECT_LE(weighed, fetches);
  if (weighed > 0) expected["xlen"] = weighed;
  expected["hget"] += weighed;
  EXPECT_EQ(theirs.commands, expected);
  expect_settled_once(trace, envelopes);

  const redis::Meter fetch = worker.fetch_meter();
  const redis::Meter settle = worker.settle_meter();
  EXPECT_EQ(static_cast<std::int64_t>(fetch.bytes_out + settle.bytes_out), theirs.bytes_in);
  EXPECT_EQ(static_cast<std::int64_t>(fetch.bytes_in + settle.bytes_in), theirs.bytes_out);
  constexpr std::int64_t opening = 2 + 2 + 3;  // names, revision and register, XPENDING
  EXPECT_EQ(static_cast<std::int64_t>(fetch.commands + settle.commands),
            opening + fetches + 2 * weighed + settles);
  const auto per_job = [](std::uint64_t count) { return static_cast<double>(count) / jobs; };
  budgets.check("drain_256.commands_per_job", per_job(fetch.commands + settle.commands));
  budgets.check("drain_256.round_trips_per_job", per_job(fetch.round_trips + settle.round_trips));
  budgets.check("drain_256.bytes_in_per_job", per_job(fetch.bytes_in + settle.bytes_in));
  budgets.check("drain_256.bytes_out_per_job", per_job(fetch.bytes_out + settle.bytes_out));
  const double commands_inside = static_cast<double>(6 * settles + looked + trimmed) / jobs;
  budgets.check("drain_256.commands_inside_finish_per_job", commands_inside);
}

// A whole worker. Its meters speak of fetch and settle; the trace tells the functions of heartbeat
// and upkeep apart by their names, so what they sent can be taken out of Redis's count to the byte.
TEST_F(CountsTest, AWorkerRunsTheCommandsOfItsBudgetAndMetersThem) {
  if (!redis) return;
  constexpr std::size_t envelopes = 100;
  constexpr std::size_t jobs = envelopes * 256;
  fill(envelopes);

  server->start();
  WorkerOptions options = worker_options(*redis);
  options.lease = std::chrono::minutes{10};  // nothing is reclaimed, however slow the machine is
  RunningWorker worker(std::move(options), batch_handlers());
  ASSERT_TRUE(eventually([&] { return worker->stats().done >= jobs; }, std::chrono::minutes{2}));
  ASSERT_EQ(worker.stop(), 0);
  const WorkerStats stats = worker->stats();
  theirs = server->since_start();
  const auto trace = server->trace();

  expect_settled_once(trace, envelopes);
  std::map<std::string, std::int64_t> calls;
  CommandCounts traced;
  std::int64_t bytes_of_others = 0;
  std::int64_t metered = 0;
  for (const Traced& command : trace) {
    const bool function = command.words[0] == "FCALL";
    const std::string name = function ? command.words[1] : command.words[0];
    ++calls[name];
    if (function) expect_commands_of_budget(command);
    const bool fetch_or_settle = name == "XREADGROUP" || name == "XPENDING" ||
                                 name == "ferry_v1_finish" || name == "HGET" || name == "XLEN";
    metered += fetch_or_settle ? 1 : 0;
    if (!fetch_or_settle) bytes_of_others += command.bytes();
  }
  // Of what all connections do at their start, the fetch thread's and the settle thread's part.
  const Traced name{{"CLIENT", "SETNAME", "ferry"}, 3, {}, 0, 0};
  const Traced revision{{"FCALL", "ferry_v1_revision", "0"}, 3, {}, 0, 0};
  metered += 3;
  bytes_of_others -= 2 * name.bytes() + revision.bytes();

  const std::map<std::string, std::int64_t> once{{"ferry_v1_revision", 3},
                                                 {"ferry_v1_register", 1},
                                                 {"ferry_v1_leave", 1},
                                                 {"CLIENT", 6},
                                                 {"INFO", 1},
                                                 {"SADD", 1}};
  for (const auto& [what, times] : once) EXPECT_EQ(calls[what], times) << what;
  const std::set<std::string> by_the_clock{"ferry_v1_beat", "ferry_v1_look", "ZRANGE",
                                           "XREADGROUP",    "XPENDING",      "ferry_v1_finish",
                                           "HGET",          "XLEN"};
  for (const auto& [what, times] : calls) {
    EXPECT_TRUE(once.contains(what) || by_the_clock.contains(what)) << what << " " << times;
  }
  // A fetch that waited in vain is counted and not traced.
  const std::int64_t fetches = count(theirs.commands, "xreadgroup");
  EXPECT_LE(calls["XREADGROUP"], fetches);
  metered += fetches - calls["XREADGROUP"];
  EXPECT_EQ(calls["ferry_v1_finish"], static_cast<std::int64_t>(stats.settle_calls));
  EXPECT_EQ(static_cast<std::int64_t>(stats.redis_commands), metered);
  EXPECT_EQ(static_cast<std::int64_t>(stats.bytes_out), theirs.bytes_in - bytes_of_others);
  budgets.check("worker_256.round_trips_per_job",
                static_cast<double>(stats.round_trips) / static_cast<double>(jobs));
}

}  // namespace
}  // namespace ferry::test
