// What a call of the functions costs that no single worker makes all the time: the commands inside,
// as tests/budgets.json has them.

#include <gmock/gmock.h>

#include <functional>
#include <utility>

#include "support/beat_fixture.hpp"
#include "support/counting_budgets.hpp"
#include "support/counting_redis.hpp"
#include "support/due_move.hpp"
#include "wire/envelope.hpp"

namespace ferry::test {
namespace {

using testing::ElementsAreArray;

class CountsFunctionsTest : public FunctionsTest {
 protected:
  void SetUp() override {
    FunctionsTest::SetUp();
    if (!connection) return;
    connection->call({"CONFIG", "SET", "slowlog-log-slower-than", "0"});
    connection->call({"CONFIG", "SET", "slowlog-max-len", "1000000"});
    meter_ = std::make_unique<ServerMeter>(options());
    register_worker("w");
  }

  /// The commands inside one call, compared with its budget.
  void expect_budget(const std::string& name, const std::function<std::string()>& call,
                     const std::string& answer) {
    meter_->start();
    EXPECT_EQ(call().substr(0, answer.size()), answer) << name;
    std::vector<Traced> trace = meter_->trace();
    ASSERT_EQ(trace.size(), 1u) << name;
    EXPECT_THAT(trace[0].inside, ElementsAreArray(budgets_.commands_of(name))) << name;
  }

  std::string beat() { return fcall("beat", {keys.control, keys.workers}, {"w", "60000", "1"}); }
  std::string claim(const std::string& holder) {
    return fcall("claim", {keys.control, keys.workers, keys.progress, keys.ready[1]},
                 {"w", holder, "200", "0"});
  }
  std::string set_aside(const std::vector<Leased>& leased) {
    std::vector<std::string> words{"w", "~free"};
    for (const Leased& one : leased) {
      words.insert(words.end(), {one.entry_id, std::to_string(jobs_in(one.bytes))});
    }
    return fcall("set_aside", {keys.workers, keys.ready[1]}, words);
  }
  std::string part(const Leased& leased, const std::vector<std::vector<std::size_t>>& parts) {
    std::vector<std::string> words{"w", leased.entry_id, std::to_string(jobs_in(leased.bytes)),
                                   std::to_string(leased.bytes.size())};
    for (const std::vector<std::size_t>& at : parts) {
      words.insert(words.end(), {"r", "0", packed(at), envelope(at.size())});
    }
    return fcall("part", settle_keys(leased), words);
  }
  std::string park_due(std::size_t jobs) {
    const std::string bytes = envelope(jobs);
    enqueue({{bytes, Priority::normal, 60'000}});
    command({"ZADD", keys.due, "5", name_of(bytes)});
    return bytes;
  }

  std::vector<Traced> traced(const std::function<void()>& call) {
    meter_->start();
    call();
    return meter_->trace();
  }

  Budgets budgets_;

 private:
  std::unique_ptr<ServerMeter> meter_;
};

TEST_F(CountsFunctionsTest, ABeatAndALook) {
  lease_one("x", 1);
  for (const char* name : {"a", "b", "c"}) register_worker(name);
  expect_budget(
      "ferry_v1_beat", [&] { return beat(); }, "[OK, 0, 0, , 1, ");
  const auto look = [&] { return fcall("look", with_streams({keys.workers}), {"w", "60000"}); };
  expect_budget("ferry_v1_look", look, "[OK, 5, ");
  expect_budget(
      "ferry_v1_beat", [&] { return beat(); }, "[OK, 0, 0, , 1, ");
}

TEST_F(CountsFunctionsTest, ClaimsAndWhatIsSetAside) {
  enqueue({{envelope(2)}, {envelope(2)}, {envelope(2)}});
  const std::vector<Leased> three = fetch("w");
  expect_budget(
      "ferry_v1_set_aside", [&] { return set_aside(three); }, "[OK, 3]");
  expect_budget(
      "ferry_v1_claim of what is set aside", [&] { return claim("~free"); }, "[OK, [");
  expect_budget(
      "ferry_v1_claim of nothing", [&] { return claim("~free"); }, "[OK]");
  settle("w", three[0], {0});
  set_aside({three[0], three[1]});
  expect_budget(
      "ferry_v1_claim where some have progress", [&] { return claim("~free"); }, "[OK, [");
  done("w", {{three[0].entry_id, three[0].bytes, Priority::normal, "x."}, three[1], three[2]});
  enqueue({{envelope()}});
  fetch("gone");
  expect_budget(
      "ferry_v1_claim of what a worker left", [&] { return claim("gone"); }, "[OK, [");
}

TEST_F(CountsFunctionsTest, Parts) {
  const Leased held = lease_one("w", 6);
  expect_budget(
      "ferry_v1_part",
      [&] {
        return part(held, {{0, 1}, {2}});
      },
      "[OK, 3, 0]");
  expect_budget(
      "ferry_v1_part that ends the envelope",
      [&] {
        return part(held, {{3, 4, 5}});
      },
      "[OK, 3, 1]");
}

TEST_F(CountsFunctionsTest, WhatIsDue) {
  const auto promoted = [&] { return show(promote()->root()); };
  expect_budget("ferry_v1_promote", promoted, "[0, -1]");
  enqueue({{envelope(), Priority::normal, 60'000}});
  expect_budget("ferry_v1_promote", promoted, "[0, ");
  for (int i = 0; i < 3; ++i) park_due(2);
  expect_budget("ferry_v1_promote of three", promoted, "[6, ");

  const std::string bytes = park_due(2);
  const DueMove move{keys, name_of(bytes), "5", bytes, 2};
  std::vector<std::string> words;
  for (const Traced& one : traced([&] { EXPECT_EQ(move.send(*connection), "OK, stored, 1, 1"); })) {
    words.push_back(one.words[0]);
    if (one.words[0] != "FCALL") continue;
    EXPECT_THAT(one.inside, ElementsAreArray(budgets_.commands_of(one.words[1])));
  }
  EXPECT_THAT(words, ElementsAreArray(budgets_.commands_of("a large delayed envelope")));
}

TEST_F(CountsFunctionsTest, ALetterThatIsTakenApart) {
  const std::string first = envelope(1), second = envelope(2);
  const std::string letter = wire::wrap_opaque("bundle", 3, wire::decode_head(first)->first_id,
                                               wire::Death{"unreadable", 1, 1});
  command({"HSET", keys.parked, name_of(letter), letter});
  command({"ZADD", keys.dead, "5", name_of(letter)});
  command({"HSET", keys.state, "dead", "3", "accepted", "3"});
  const auto split = [&] {
    return fcall("dead_split", {keys.state, keys.dead, keys.parked},
                 {name_of(letter), first, second});
  };
  expect_budget("ferry_v1_dead_split", split, "2");
}

}  // namespace
}  // namespace ferry::test
