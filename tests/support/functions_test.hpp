#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "functions/keys.hpp"
#include "functions/library.hpp"
#include "redis/connection.hpp"
#include "support/eventually.hpp"
#include "support/mutant.hpp"
#include "support/redis_test.hpp"
#include "wire/envelope.hpp"

namespace ferry::test {

/// An envelope on its way to Redis.
struct Parcel {
  std::string bytes;
  Priority priority = Priority::normal;
  int delay_ms = 0;
};

/// An envelope that a worker holds.
struct Leased {
  std::string entry_id;
  std::string bytes;
  Priority priority = Priority::normal;
  std::string progress{};
};

struct Bounds {
  std::int64_t jobs = 0;
  std::int64_t bytes = 0;
  std::int64_t age_ms = 0;
};

/// The books of a queue, as `ferry_v1_counts` replies them.
struct Books {
  std::int64_t accepted, done, expired, cancelled, delayed, dead, bytes, ready, envelopes, leased,
      due_entries, parked_entries, dead_entries, workers, oldest_age_ms, paused;
};

/// Calls the functions one by one, on a queue of the test's own. After each test the books must
/// agree with what is stored.
class FunctionsTest : public RedisTest {
 protected:
  FunctionsTest()
      : keys(wire_prefix, testing::UnitTest::GetInstance()->current_test_info()->name()) {}

  void SetUp() override {
    RedisTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    connection = std::make_unique<redis::Connection>(options());
    ensure_library(*connection);
    load_mutant(*connection);
  }

  void TearDown() override {
    if (connection) expect_balanced();
  }

  /// Returns: the reply as text.
  std::string fcall(std::string_view name, const std::vector<std::string>& key_list,
                    const std::vector<std::string>& arguments = {}) {
    return show(fcall_reply(name, key_list, arguments)->root());
  }

  redis::ReplyPtr fcall_reply(std::string_view name, const std::vector<std::string>& key_list,
                              const std::vector<std::string>& arguments = {}) {
    const std::string function = "ferry_v1_" + std::string(name);
    const std::string key_count = std::to_string(key_list.size());
    std::vector<std::string_view> words{"FCALL", function, key_count};
    words.insert(words.end(), key_list.begin(), key_list.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    return connection->command(words);
  }

  std::string command(std::initializer_list<std::string_view> words) {
    return show(connection->command(words)->root());
  }

  /// An envelope with `jobs` fresh jobs.
  std::string envelope(std::size_t jobs = 1, const std::string& payload = "payload") {
    wire::EnvelopeWriter writer(ids_.next(1'700'000'000'000));
    for (std::size_t i = 0; i < jobs; ++i) writer.add("kind", payload, 1'700'000'000'000'000);
    return writer.finish();
  }

  /// The envelope of one job of another envelope, as a worker makes it for a retry.
  static std::string one_of(const std::string& bytes, std::size_t index) {
    wire::StoredEnvelope stored;
    EXPECT_EQ(wire::decode(bytes, stored), "");
    wire::EnvelopeWriter writer(stored.jobs.at(index).id);
    writer.add_moved(stored.jobs.at(index), nullptr);
    return writer.finish();
  }

  static std::size_t jobs_in(const std::string& bytes) {
    const auto head = wire::decode_head(bytes);
    EXPECT_TRUE(head.has_value());
    return head ? head->count : 0;
  }

  /// The name under which an envelope is parked.
  static std::string name_of(const std::string& bytes, Priority priority = Priority::normal) {
    std::string hex = wire::decode_head(bytes)->first_id.to_string();
    std::erase(hex, '-');
    return std::to_string(static_cast<int>(priority)) + ":" + hex;
  }

  std::string enqueue_at(std::int64_t sequence, const std::vector<Parcel>& parcels,
                         Bounds bounds = {}, const std::string& producer = "producer") {
    std::vector<std::string> arguments{producer, std::to_string(sequence),
                                       std::to_string(bounds.jobs), std::to_string(bounds.bytes),
                                       std::to_string(bounds.age_ms)};
    for (const Parcel& parcel : parcels) {
      const int digit = static_cast<int>(parcel.priority);
      arguments.insert(arguments.end(), {std::to_string(5 + digit), std::to_string(parcel.delay_ms),
                                         std::to_string(digit), parcel.bytes});
    }
    return fcall("enqueue", enqueue_keys(), arguments);
  }

  /// Enqueues under the next sequence; must succeed.
  void enqueue(const std::vector<Parcel>& parcels) {
    const std::string reply = enqueue_at(++sequence_, parcels);
    ASSERT_TRUE(reply.starts_with("[OK, ")) << reply;
  }

  std::string register_worker(const std::string& worker) {
    return fcall("register", with_streams({keys.control, keys.workers}), {worker});
  }

  std::vector<Leased> fetch(const std::string& worker, int most = 10,
                            Priority priority = Priority::normal) {
    const std::string& stream = keys.ready[static_cast<std::size_t>(priority)];
    const redis::ReplyPtr reply =
        connection->call({"XREADGROUP", "GROUP", group_name, worker, "COUNT", std::to_string(most),
                          "STREAMS", stream, ">"});
    std::vector<Leased> leased;
    if (reply->root().is_nil()) return leased;
    for (const redis::Reply& entry : reply->root()[0][1]) {
      leased.push_back({std::string(entry[0].text), std::string(entry[1][1].text), priority});
    }
    return leased;
  }

  /// Registers the worker, enqueues one envelope and leases it.
  Leased lease_one(const std::string& worker, std::size_t jobs, Priority at = Priority::normal) {
    register_worker(worker);
    enqueue({{envelope(jobs), at}});
    const std::vector<Leased> leased = fetch(worker, 1, at);
    EXPECT_EQ(leased.size(), 1u);
    return leased.empty() ? Leased{} : leased.front();
  }

  std::string done(const std::string& worker, const std::vector<Leased>& leased) {
    std::size_t jobs = 0;
    std::size_t bytes = 0;
    std::string each;
    std::vector<std::string> ids;
    for (const Leased& one : leased) {
      const std::size_t open_jobs =
          jobs_in(one.bytes) - std::count(one.progress.begin(), one.progress.end(), 'x');
      jobs += open_jobs;
      bytes += one.bytes.size();
      each += big_endian(open_jobs, 2) + big_endian(one.bytes.size(), 4);
      ids.push_back(one.entry_id);
    }
    std::vector<std::string> arguments{worker, std::to_string(jobs), std::to_string(bytes), each};
    arguments.insert(arguments.end(), ids.begin(), ids.end());
    return finish(stream_of(leased.front()), arguments);
  }

  std::string finish(const std::string& stream, const std::vector<std::string>& arguments) {
    return fcall("finish", {keys.state, keys.workers, keys.progress, stream}, arguments);
  }

  void expect_nothing_left() {
    const Books b = books();
    EXPECT_EQ(b.ready, 0);
    EXPECT_EQ(b.envelopes, 0);
    EXPECT_EQ(b.leased, 0);
    EXPECT_EQ(b.bytes, 0);
    EXPECT_EQ(command({"EXISTS", keys.progress}), "0");
  }

  struct Move {
    std::size_t index;
    std::string verb;
    int delay_ms;
    std::string bytes;
  };

  std::string settle(const std::string& worker, const Leased& leased,
                     const std::vector<std::size_t>& done_jobs,
                     const std::vector<std::size_t>& expired_jobs = {},
                     const std::vector<Move>& moves = {}) {
    std::vector<std::string> arguments{worker,
                                       leased.entry_id,
                                       std::to_string(jobs_in(leased.bytes)),
                                       std::to_string(leased.bytes.size()),
                                       packed(done_jobs),
                                       packed(expired_jobs)};
    for (const Move& move : moves) {
      arguments.insert(arguments.end(), {std::to_string(move.index), move.verb,
                                         std::to_string(move.delay_ms), move.bytes});
    }
    return fcall("settle", settle_keys(leased), arguments);
  }

  std::string bury(const std::string& worker, const Leased& leased, const std::string& letter) {
    return fcall(
        "bury",
        {keys.state, keys.workers, keys.progress, stream_of(leased), keys.dead, keys.parked},
        {worker, leased.entry_id, std::to_string(leased.bytes.size()), letter});
  }

  std::string release(const std::string& worker, const std::vector<Leased>& leased) {
    std::vector<std::string> arguments{worker};
    for (const Leased& one : leased) arguments.push_back(one.entry_id);
    return fcall("release", {keys.state, keys.workers, keys.progress, stream_of(leased.front())},
                 arguments);
  }

  std::string renew(const std::string& worker) {
    return fcall("renew", {keys.control, keys.workers}, {worker});
  }

  redis::ReplyPtr promote(int most = 500, int most_bytes = 1 << 20) {
    return fcall_reply("promote", with_streams({keys.state, keys.due, keys.parked}),
                       {std::to_string(most), std::to_string(most_bytes)});
  }

  redis::ReplyPtr reclaim_reply(const std::string& worker, int lease_ms, int most = 200) {
    return fcall_reply("reclaim", with_streams({keys.state, keys.workers, keys.progress}),
                       {worker, std::to_string(lease_ms), std::to_string(most)});
  }

  /// Calls reclaim, renewing the caller and `alive`, until it takes something.
  std::vector<Leased> reclaim(const std::string& worker, int lease_ms,
                              const std::vector<std::string>& alive = {}) {
    std::vector<Leased> taken;
    EXPECT_TRUE(eventually([&] {
      renew(worker);
      for (const std::string& other : alive) renew(other);
      const redis::ReplyPtr reply = reclaim_reply(worker, lease_ms);
      for (std::size_t i = 1; i < reply->root().size; ++i) {
        const redis::Reply& one = reply->root()[i];
        taken.push_back({std::string(one[1].text), std::string(one[2].text),
                         static_cast<Priority>(one[0].integer - 4), std::string(one[3].text)});
      }
      return !taken.empty();
    }));
    return taken;
  }

  Books books() {
    std::vector<std::string> all =
        with_streams({keys.state, keys.workers, keys.progress, keys.due, keys.parked, keys.dead});
    all.push_back(keys.control);
    const redis::ReplyPtr reply = fcall_reply("counts", all);
    const redis::Reply& r = reply->root();
    EXPECT_EQ(r.size, 18u) << show(r);
    const auto at = [&](std::size_t i) { return r[i].integer; };
    return {at(0), at(1), at(2),  at(3),  at(4),  at(5),  at(6),  at(7),
            at(8), at(9), at(10), at(11), at(12), at(13), at(14), at(15)};
  }

  /// Counts what is stored, envelope by envelope, and compares it with the counters.
  void expect_balanced() {
    const Books b = books();
    const auto [ready, stream_bytes] = count_streams();
    const auto [delayed, due_bytes] = count_parked(keys.due);
    const std::int64_t dead = count_parked(keys.dead).first;
    EXPECT_EQ(b.ready, ready);
    EXPECT_EQ(b.delayed, delayed);
    EXPECT_EQ(b.dead, dead);
    EXPECT_EQ(b.bytes, stream_bytes + due_bytes);
    EXPECT_EQ(b.accepted, ready + delayed + dead + b.done + b.cancelled + b.expired);
    EXPECT_EQ(b.parked_entries, b.due_entries + b.dead_entries);
    for (const std::int64_t count : {b.ready, b.delayed, b.dead, b.bytes}) EXPECT_GE(count, 0);
  }

  std::vector<std::string> with_streams(std::vector<std::string> list) const {
    list.insert(list.end(), keys.ready.begin(), keys.ready.end());
    return list;
  }

  std::vector<std::string> enqueue_keys() const {
    return with_streams({keys.state, keys.producers, keys.due, keys.parked});
  }

  std::vector<std::string> settle_keys(const Leased& leased) const {
    return {keys.state, keys.workers, keys.progress, stream_of(leased),
            keys.due,   keys.parked,  keys.dead};
  }

  const std::string& stream_of(const Leased& leased) const {
    return keys.ready[static_cast<std::size_t>(leased.priority)];
  }

  static std::string packed(const std::vector<std::size_t>& indexes) {
    std::string bytes;
    for (const std::size_t index : indexes) bytes += big_endian(index, 2);
    return bytes;
  }

  static std::string big_endian(std::size_t number, int bytes) {
    std::string written;
    while (bytes-- > 0) written += static_cast<char>(number >> 8 * bytes & 255);
    return written;
  }

  static constexpr std::string_view wire_prefix = "ferry";
  Keys keys;
  std::unique_ptr<redis::Connection> connection;
  std::int64_t sequence_ = 0;  ///< the last that `enqueue` used

 private:
  std::pair<std::int64_t, std::int64_t> count_streams() {
    std::int64_t jobs = 0;
    std::int64_t bytes = 0;
    for (const std::string& stream : keys.ready) {
      std::string from = "-";
      while (!from.empty()) {
        const redis::ReplyPtr reply =
            fcall_reply("count_range", {keys.progress, stream}, {from, "+", "3"});
        jobs += reply->root()[0].integer;
        bytes += reply->root()[1].integer;
        from = reply->root()[2].text;
        if (!from.empty()) from.insert(0, 1, '(');
      }
    }
    return {jobs, bytes};
  }

  std::pair<std::int64_t, std::int64_t> count_parked(const std::string& sorted) {
    std::int64_t jobs = 0;
    std::int64_t bytes = 0;
    std::int64_t rank = 0;
    while (true) {
      const redis::ReplyPtr reply =
          fcall_reply("count_parked", {sorted, keys.parked}, {std::to_string(rank), "3"});
      if (reply->root()[2].integer == 0) return {jobs, bytes};
      jobs += reply->root()[0].integer;
      bytes += reply->root()[1].integer;
      rank += reply->root()[2].integer;
    }
  }

  wire::JobIdSource ids_;
};

}  // namespace ferry::test
