#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "support/functions_test.hpp"
#include "support/set_clock.hpp"

namespace ferry::test {

/// Calls what lives, looks and takes over, on a clock that stands still unless a test moves it.
class BeatTest : public FunctionsTest {
 protected:
  static constexpr int lease = 1000;
  static constexpr std::int64_t start = 1'700'000'000'000;

  void SetUp() override {
    FunctionsTest::SetUp();
    if (!connection) return;
    load_with_clock(*connection);
    at(start);
  }

  /// An empty server, and functions that remember nothing.
  void begin_anew() {
    connection->call({"FLUSHALL"});
    load_with_clock(*connection);
    at(start);
  }

  void at(std::int64_t ms) { set_clock(*connection, now_ = ms); }
  void pass(std::int64_t ms) { at(now_ + ms); }
  std::int64_t now() const { return now_; }

  /// Enqueues as a producer of its own.
  void put(const std::vector<Parcel>& parcels) {
    const std::string reply = enqueue_at(1, parcels, {}, "producer" + std::to_string(++producers_));
    ASSERT_TRUE(reply.starts_with("[OK, ")) << reply;
  }

  /// Lets a consumer of any name hold one envelope more.
  Leased hold_as(const std::string& name, std::size_t jobs = 1) {
    put({{envelope(jobs)}});
    const std::vector<Leased> leased = fetch(name, 1);
    EXPECT_EQ(leased.size(), 1u);
    return leased.empty() ? Leased{} : leased.front();
  }

  redis::ReplyPtr beat_reply(const std::string& worker, const std::string& wants = "1",
                             const std::string& lease_ms = std::to_string(lease)) {
    return fcall_reply("beat", {keys.control, keys.workers}, {worker, lease_ms, wants});
  }
  std::string beat(const std::string& worker, const std::string& wants = "1",
                   const std::string& lease_ms = std::to_string(lease)) {
    return show(beat_reply(worker, wants, lease_ms)->root());
  }
  /// Returns: whether the worker keeps the queue.
  bool keeps(const std::string& worker, const std::string& lease_ms = std::to_string(lease)) {
    const redis::ReplyPtr reply = beat_reply(worker, "1", lease_ms);
    EXPECT_EQ(reply->root().size, 8u) << show(reply->root());
    return reply->root().size == 8 && reply->root()[4].integer == 1;
  }
  /// What a worker is told that it may claim.
  std::string told(const std::string& worker) {
    const redis::ReplyPtr reply = beat_reply(worker, "0");
    EXPECT_EQ(reply->root().size, 8u) << show(reply->root());
    return reply->root().size == 8 ? show(reply->root()[7]) : std::string();
  }

  redis::ReplyPtr look_reply(const std::string& worker) {
    return fcall_reply("look", with_streams({keys.workers}), {worker, std::to_string(lease)});
  }
  std::string look(const std::string& worker) { return show(look_reply(worker)->root()); }
  /// Lets these workers live for more than two leases, then the first one looks.
  std::string look_later(const std::vector<std::string>& alive) {
    for (int step = 0; step < 9; ++step) {
      pass(lease / 4);
      for (const std::string& worker : alive) beat(worker);
    }
    return look(alive[0]);
  }

  redis::ReplyPtr claim_reply(const std::string& worker, const std::string& holder, int most = 200,
                              int jobs = 0, Priority priority = Priority::normal) {
    return fcall_reply(
        "claim",
        {keys.control, keys.workers, keys.progress, keys.ready[static_cast<std::size_t>(priority)]},
        {worker, holder, std::to_string(most), std::to_string(jobs)});
  }
  std::string claim(const std::string& worker, const std::string& holder, int most = 200,
                    int jobs = 0) {
    return show(claim_reply(worker, holder, most, jobs)->root());
  }

  std::string set_aside(const std::string& worker, const std::string& holder,
                        const std::vector<Leased>& leased) {
    std::vector<std::string> arguments{worker, holder};
    for (const Leased& one : leased) {
      const auto settled = std::count(one.progress.begin(), one.progress.end(), 'x');
      const std::size_t jobs = jobs_in(one.bytes) - static_cast<std::size_t>(settled);
      arguments.insert(arguments.end(), {one.entry_id, std::to_string(jobs)});
    }
    return fcall("set_aside", {keys.workers, keys.ready[1]}, arguments);
  }

  /// The deliveries of what a name holds, in order.
  std::string deliveries_of(const std::string& holder) {
    const redis::ReplyPtr reply =
        connection->call({"XPENDING", keys.ready[1], group_name, "-", "+", "1000", holder});
    std::string text;
    for (const redis::Reply& one : reply->root()) {
      text += (text.empty() ? "" : " ") + std::to_string(one[3].integer);
    }
    return text;
  }

 private:
  std::int64_t now_ = start;
  int producers_ = 0;
};

}  // namespace ferry::test
