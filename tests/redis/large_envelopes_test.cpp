// Operators' reads are bounded in bytes, whatever the envelopes' sizes: a call reads about a
// megabyte or one envelope, and functions read no large one. Counts are asserted; the longest
// command of each is printed beside a plain HGET and XADD of the same bytes.

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "ferry/client.hpp"
#include "support/cli_test.hpp"
#include "support/counting_redis.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::size_t mib = 1024 * 1024;

class LargeEnvelopesTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    if (!connection) return;
    connection->call({"CONFIG", "SET", "slowlog-log-slower-than", "0"});
    connection->call({"CONFIG", "SET", "slowlog-max-len", "1000000"});
  }

  static std::string payload_of(std::size_t bytes) {
    std::mt19937_64 random(bytes);
    std::string payload(bytes, '\0');
    for (char& c : payload) c = static_cast<char>(random());
    return payload;
  }

  ClientOptions client_options() const {
    ClientOptions client;
    client.redis = options();
    client.queue = "mail";
    client.max_jobs_per_envelope = 1;
    return client;
  }

  /// Jobs of these sizes that wait, are delayed and are dead.
  void fill(const std::vector<std::size_t>& sizes) {
    Client client(client_options());
    EnqueueOptions later;
    later.run_after = std::chrono::hours{1};
    wire::JobIdSource ids;
    for (const std::size_t size : sizes) {
      const std::string payload = payload_of(size);
      client.enqueue_packed("mail", payload);
      client.enqueue_packed("mail", payload, later);
      bury(ids.next(1'700'000'000'000), payload);
    }
    count_ = static_cast<std::int64_t>(sizes.size());
  }

  /// By hand, for a worker's way leads through a function.
  void bury(const JobId& id, const std::string& payload) {
    wire::EnvelopeWriter writer(id);
    writer.add("mail", payload, 1'700'000'000'000'000);
    const std::string letter = writer.finish(0, wire::Death{"declined", 1'700'000'000'000, 1});
    std::string name = id.to_string();
    std::erase(name, '-');
    name.insert(0, "1:");
    connection->call({"HSET", keys.parked, name, letter});
    connection->call({"ZADD", keys.dead, "1700000000000", name});
    connection->call({"HINCRBY", keys.state, "dead", "1"});
    connection->call({"HINCRBY", keys.state, "accepted", "1"});
    dead_.push_back(id.to_string());
  }

  /// Runs the program and looks at what Redis did for it.
  std::vector<Traced> watch(const Words& words, int exit_code = 0) {
    ServerMeter server(options());
    server.start();
    const Ended ended = ferry(words);
    EXPECT_EQ(ended.exit_code, exit_code) << testing::PrintToString(words) << ended.err;
    peak_kib = std::max(peak_kib, ended.peak_kib);
    print_longest(words, ended.peak_kib);
    return server.trace();
  }

  void print_longest(const Words& words, long kib) {
    const auto log = connection->call({"SLOWLOG", "GET", "-1"});
    std::int64_t longest = 0;
    std::string what;
    for (const redis::Reply& entry : log->root()) {
      const std::string name(entry[3][0].text);
      if (entry[2].integer <= longest || name == "SLOWLOG" || name == "INFO") continue;
      longest = entry[2].integer;
      what = name + (name.starts_with("FCALL") ? " " + std::string(entry[3][1].text) : "");
    }
    std::string line;
    for (const std::string& word : words) line += word + ' ';
    std::printf("%-58.58s %8.1f ms  %5.2f x  %6ld KiB  %s\n", line.c_str(),
                static_cast<double>(longest) / 1000,
                static_cast<double>(longest) / static_cast<double>(plain_us), kib, what.c_str());
  }

  /// What storing and reading the same bytes takes Redis without Ferry; the median of five.
  void measure_plain(std::size_t bytes) {
    const std::string payload = payload_of(bytes);
    std::vector<std::int64_t> times;
    for (int i = 0; i < 5; ++i) {
      connection->call({"HSET", "plain", "f", payload});
      connection->call({"SLOWLOG", "RESET"});
      connection->call({"HGET", "plain", "f"});
      connection->call({"XADD", "plain.stream", "*", "e", payload});
      const auto log = connection->call({"SLOWLOG", "GET", "2"});
      times.push_back(log->root()[0][2].integer + log->root()[1][2].integer);
      connection->call({"DEL", "plain", "plain.stream"});
    }
    std::ranges::sort(times);
    plain_us = std::max<std::int64_t>(1, times[2]);
    std::printf("plain HGET and XADD of %zu bytes: %.1f ms\n", bytes,
                static_cast<double>(plain_us) / 1000);
  }

  /// No function reads or stores an envelope, and no command reads several.
  static void expect_each_is_read_alone(const std::vector<Traced>& trace) {
    for (const Traced& command : trace) {
      for (const std::string& inside : command.inside) {
        EXPECT_THAT(inside, testing::AnyOf("HMGET", "TIME", "XLEN", "XINFO GROUPS", "XPENDING",
                                           "ZCARD", "HLEN", "HGET", "ZRANGE", "HSTRLEN", "ZSCORE",
                                           "XDEL", "ZREM", "HDEL", "HINCRBY", "RENAMENX", "XGROUP"))
            << command.words[1];
      }
      // Of `control`, the pause flag.
      const auto reads = std::ranges::count(command.inside, "HGET");
      EXPECT_LE(reads,
                command.is_call_of("ferry_v1_books") || command.words[0] == "FCALL_RO" ? 1 : 0);
      if (command.words[0] == "XRANGE") {
        EXPECT_EQ(command.words.back(), "1") << "COUNT";
      }
      if (command.words[0] == "HMGET") {
        EXPECT_EQ(command.size, 3U) << "one body";
      }
    }
  }

  static std::size_t calls_of(const std::vector<Traced>& trace, std::string_view function) {
    return static_cast<std::size_t>(std::ranges::count_if(trace, [&](const Traced& command) {
      return command.size > 1 && command.words[1] == function;
    }));
  }

  const Keys keys{"ferry", "mail"};
  std::vector<std::string> dead_;
  std::int64_t count_ = 0;
  long peak_kib = 0;
  std::int64_t plain_us = 1;
};

TEST_F(LargeEnvelopesTest, NoFunctionReadsALargeEnvelopeAndNoCommandReadsTwo) {
  constexpr std::size_t large = 79 * mib / 10;
  const char* asked = std::getenv("FERRY_LARGE_ENVELOPES");  // more of them, on demand
  const std::size_t count = asked != nullptr ? std::strtoul(asked, nullptr, 10) : 4;
  measure_plain(large);
  fill(std::vector<std::size_t>(count, large));
  lease(keys);
  for (const Words& look :
       std::vector<Words>{{"queue", "ls"},
                          {"stats"},
                          {"queue", "show", "mail"},
                          {"queue", "show", "mail", "--audit"},
                          {"queue", "show", "mail", "--jobs", "waiting", "--limit", "1000"},
                          {"queue", "show", "mail", "--jobs", "leased", "--limit", "1000"},
                          {"queue", "show", "mail", "--jobs", "delayed", "--limit", "1000"},
                          {"dead", "ls", "mail", "--limit", "1000"},
                          {"dead", "show", "mail", dead_[0]},
                          {"dead", "retry", "mail", dead_[0]},
                          {"dead", "drop", "mail", dead_[1]},
                          {"dead", "retry", "mail", "--all"},
                          {"queue", "show", "mail", "--audit"}}) {
    SCOPED_TRACE(testing::PrintToString(look));
    expect_each_is_read_alone(watch(look));
  }
  for (std::size_t i = 0; i < 2; ++i) bury(wire::JobIdSource().next(1), payload_of(large));
  expect_each_is_read_alone(watch({"dead", "drop", "mail", "--all", "--yes"}));
  expect_each_is_read_alone(watch({"queue", "purge", "mail", "--yes"}));
  const QueueCounts counts = Queue(options(), "mail").counts();
  EXPECT_EQ(counts.waiting + counts.delayed + counts.dead, 0);
  EXPECT_EQ(counts.leased, 1);
  EXPECT_TRUE(Queue(options(), "mail").audit().balanced());
  // One envelope as it comes in, as it is kept, and as it is written; the program itself has 24
  // MiB.
  EXPECT_LT(peak_kib, 64 * 1024) << "however many envelopes there are";
}

TEST_F(LargeEnvelopesTest, SmallOnesAreReadTogetherWhateverSizesTheyHave) {
  // About four megabytes of each.
  for (const std::size_t bytes : {std::size_t{100}, 33 * mib / 1024, mib / 2}) {
    connection->call({"FLUSHALL"});
    dead_.clear();
    const std::size_t count = std::min<std::size_t>(4 * mib / bytes, 700);
    fill(std::vector<std::size_t>(count, bytes));
    const auto audit = watch({"queue", "show", "mail", "--audit"});
    const std::size_t slices = count * bytes / mib + 1;
    // From a mean of 256 KiB on, what a stream holds is read one by one, outside of the functions.
    const bool one_by_one = bytes > mib / 4;
    EXPECT_GE(calls_of(audit, "ferry_v1_weigh"), one_by_one ? 0 : count * bytes / mib);
    EXPECT_LE(calls_of(audit, "ferry_v1_weigh"), 6 + slices + count / 500);
    EXPECT_LE(calls_of(audit, "ferry_v1_weigh_parked"), 4 + 2 * (slices + count / 500));
    const auto retried = watch({"dead", "retry", "mail", "--all"});
    EXPECT_EQ(calls_of(retried, "ferry_v1_dead_open"), 0U);
    EXPECT_LE(calls_of(retried, "ferry_v1_dead_retry"), 2 + 2 * slices + count / 100);
    const auto purged = watch({"queue", "purge", "mail", "--yes"});
    EXPECT_LE(calls_of(purged, "ferry_v1_remove"), 10 + 4 * slices + 3 * count / 500);
    EXPECT_EQ(Queue(options(), "mail").counts().cancelled, 3 * static_cast<std::int64_t>(count));
  }
}

TEST_F(LargeEnvelopesTest, APocketOfLargeOnesAmongSmallOnesIsReadOneByOne) {
  std::vector<std::size_t> sizes(100, 200);
  sizes.insert(sizes.end(), 6, 2 * mib);
  sizes.insert(sizes.end(), 100, 200);
  fill(sizes);
  const auto audit = watch({"queue", "show", "mail", "--audit"});
  // The first of the pocket is read by the function that read those before it.
  std::size_t alone = 0;
  for (const Traced& command : audit) {
    if (command.words[0] != "XRANGE") continue;
    EXPECT_EQ(command.words.back(), "1");
    ++alone;
  }
  EXPECT_GE(alone, 5U);
  EXPECT_LE(alone, 5U + 17U) << "and some small ones behind it";
  for (const Traced& command : audit) {
    if (command.is_call_of("ferry_v1_weigh_parked")) continue;
    if (command.words[0] == "HMGET") {
      EXPECT_EQ(command.size, 3U);
    }
  }
  const auto page = watch({"queue", "show", "mail", "--jobs", "waiting", "--limit", "1000"});
  EXPECT_THAT(ferry({"queue", "show", "mail", "--audit"}).out, HasSubstr("balance"));
  EXPECT_EQ(Queue(options(), "mail").jobs(JobState::waiting, 1000).jobs.size(), sizes.size());
  EXPECT_EQ(Queue(options(), "mail").purge(), 2 * static_cast<std::int64_t>(sizes.size()));
  EXPECT_EQ(Queue(options(), "mail").drop_all_dead(), static_cast<std::int64_t>(sizes.size()));
  EXPECT_TRUE(Queue(options(), "mail").audit().balanced());
}

TEST_F(LargeEnvelopesTest, AStreamThatTakesNothingKeepsItsLettersAndNoOthers) {
  constexpr const char* last_id = "18446744073709551615-18446744073709551615";
  fill({2 * mib, 2 * mib, 2 * mib});
  std::string urgent = dead_[0];
  std::erase(urgent, '-');
  const auto letter = connection->call({"HGET", keys.parked, "1:" + urgent});
  connection->call({"HSET", keys.parked, "0:" + urgent, letter->root().text});
  connection->call({"ZADD", keys.dead, "1700000000001", "0:" + urgent});
  connection->call({"HDEL", keys.parked, "1:" + urgent});
  connection->call({"ZREM", keys.dead, "1:" + urgent});
  connection->call({"XADD", keys.ready[1], last_id, "e", "x"});
  const Ended ended = ferry({"dead", "retry", "mail", "--all", "--output", "json"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_EQ(ended.value().at("retried"), 1);
  EXPECT_EQ(ended.value().at("left"), 2);
  for (const json& left : ended.value().at("left_letters")) {
    EXPECT_THAT(std::string(left.at("why")), AllOf(HasSubstr("key " + keys.ready[1]),
                                                   HasSubstr("exhausted the last possible ID")));
  }
  EXPECT_EQ(Queue(options(), "mail").counts().dead, 2);
  EXPECT_EQ(connection->call({"XLEN", keys.ready[0]})->root().integer, 1);
}

// On a full Redis a transaction is refused, and a function still gets the letter back.
TEST_F(LargeEnvelopesTest, ALargeLetterGoesBackOnAFullRedisToo) {
  fill({2 * mib});
  connection->call({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(ask({"dead", "retry", "mail", "--all"}).at("retried"), 1);
  connection->call({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_TRUE(Queue(options(), "mail").audit().balanced());
}

TEST_F(LargeEnvelopesTest, CountsWithoutReadingWhatIsLeased) {
  Client client(client_options());
  const std::string payload = payload_of(2 * mib);
  for (int i = 0; i < 3; ++i) client.enqueue_packed("mail", payload);
  lease(keys);
  const auto trace = watch({"stats", "mail"});
  std::size_t read = 0;
  for (const Traced& command : trace) read += command.words[0] == "XRANGE" ? 1 : 0;
  EXPECT_LE(read, 3U) << "the oldest that waits in each stream, for its age";
  EXPECT_EQ(calls_of(trace, "ferry_v1_weigh"), 0U);
  EXPECT_EQ(Queue(options(), "mail").counts().leased, 1);
  EXPECT_EQ(Queue(options(), "mail").counts().waiting, 2);
}

}  // namespace
}  // namespace ferry::test
