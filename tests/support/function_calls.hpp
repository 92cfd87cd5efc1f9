#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "functions/enqueue_transaction.hpp"
#include "support/functions_test.hpp"

namespace ferry::test {

/// One call of a function: of a transaction, the commands behind it too.
struct FunctionCall {
  std::string function;
  std::vector<std::string> keys;
  std::vector<std::string> arguments;
  std::vector<std::vector<std::string>> behind{};  ///< MULTI stands before, EXEC after them
};

/// Prepares a queue for each function of the library and says what to call then.
class FunctionCalls : public FunctionsTest {
 protected:
  static constexpr std::string_view queue_name = "all_or_nothing";

  /// One queue for all rows, so that the watch over leases in the library goes on.
  void SetUp() override {
    FunctionsTest::SetUp();
    keys = Keys(wire_prefix, queue_name);
  }

  void empty_queue() {
    command({"FLUSHALL"});
    sequence_ = 0;
  }

  std::vector<std::string> arguments_of(const std::vector<Parcel>& parcels, int bound_ms = 0) {
    std::vector<std::string> list{"producer", std::to_string(sequence_ + 1), "0", "0",
                                  std::to_string(bound_ms)};
    for (const Parcel& parcel : parcels) {
      const int digit = static_cast<int>(parcel.priority);
      list.insert(list.end(), {std::to_string(5 + digit), std::to_string(parcel.delay_ms),
                               std::to_string(digit), parcel.bytes});
    }
    return list;
  }

  // --- Producers ---

  /// A queue in use: a worker, jobs that wait, are delayed, or are leased, and dead letters.
  void use_queue() {
    for (const Priority priority : {Priority::high, Priority::normal, Priority::low}) {
      die("w", priority);
      enqueue({{envelope(2), priority}, {envelope(1), priority, 60'000}});
    }
  }

  FunctionCall enqueue_one() {
    use_queue();
    return {"enqueue", enqueue_keys(), arguments_of({{envelope(2)}})};
  }
  FunctionCall enqueue_several() {
    use_queue();
    return {"enqueue", enqueue_keys(), arguments_of({{envelope(2)}, {envelope()}, {envelope(3)}})};
  }
  FunctionCall enqueue_three_streams() {
    use_queue();
    return {"enqueue", enqueue_keys(),
            arguments_of({{envelope(), Priority::high},
                          {envelope(2), Priority::low},
                          {envelope(2)},
                          {envelope(), Priority::high}})};
  }
  FunctionCall enqueue_delayed() {
    use_queue();
    return {"enqueue", enqueue_keys(),
            arguments_of({{envelope(2), Priority::high, 9000}, {envelope(), Priority::low, 70}})};
  }
  FunctionCall enqueue_mixed() {
    use_queue();
    return {"enqueue", enqueue_keys(),
            arguments_of({{envelope(2), Priority::high, 9000},
                          {envelope(3)},
                          {envelope(), Priority::low},
                          {envelope(), Priority::low, 70}})};
  }
  FunctionCall enqueue_bounded_by_age() {
    use_queue();
    return {"enqueue", enqueue_keys(), arguments_of({{envelope(2)}}, 3'600'000)};
  }
  FunctionCall enqueue_again() {
    use_queue();
    --sequence_;
    return {"enqueue", enqueue_keys(), arguments_of({{envelope(2)}})};
  }
  FunctionCall enqueue_beyond_a_bound() {
    use_queue();
    FunctionCall call{"enqueue", enqueue_keys(), arguments_of({{envelope(2)}})};
    call.arguments[2] = "3";
    return call;
  }
  FunctionCall open() {
    use_queue();
    const std::string first = envelope(2), second = envelope(3);
    const std::string gate = keys.gate_of("producer");
    FunctionCall call{"open",
                      with_streams({keys.state, keys.producers, gate, keys.ready[1]}),
                      {"producer", std::to_string(sequence_ + 1), "0", "0", "0", "5",
                       std::to_string(first.size() + second.size())}};
    for (const std::string& bytes : {first, second}) {
      call.behind.push_back({"XADD", gate, "NOMKSTREAM", "*", "e", bytes});
    }
    call.behind.push_back({"RENAMENX", gate, keys.ready[1]});
    return call;
  }
  FunctionCall open_first_of_its_stream() {
    FunctionCall call = open();
    empty_queue();
    call.arguments[1] = "1";
    return call;
  }

  // --- Workers ---

  FunctionCall enroll() {
    use_queue();
    return {"register", with_streams({keys.control, keys.workers}), {"new"}};
  }
  FunctionCall enroll_first_of_all() {
    enqueue({{envelope()}});
    return {"register", with_streams({keys.control, keys.workers}), {"new"}};
  }
  FunctionCall renewal() {
    use_queue();
    return {"renew", {keys.control, keys.workers}, {"w"}};
  }
  FunctionCall leave() {
    use_queue();
    return {"leave", with_streams({keys.control, keys.workers}), {"w"}};
  }
  FunctionCall leave_holding() {
    use_queue();
    fetch("w");
    return {"leave", with_streams({keys.control, keys.workers}), {"w"}};
  }
  /// Two dead workers hold envelopes of two streams, one of them half done.
  FunctionCall reclaim_dead() {
    constexpr int lease_ms = 150;
    register_worker("heir");
    command({"HSET", keys.workers, "decoy", "1"});
    EXPECT_TRUE(eventually([&] {  // until the watch of the library is one lease old
      reclaim_reply("heir", lease_ms);
      return command({"HEXISTS", keys.workers, "decoy"}) == "0";
    }));
    settle("dead", lease_one("dead", 3), {1});
    lease_one("gone", 2, Priority::low);
    enqueue({{envelope(), Priority::low}});
    fetch("dead", 1, Priority::low);
    command({"HSET", keys.workers, "dead", "1", "gone", "1"});
    renew("heir");
    return {"reclaim",
            with_streams({keys.state, keys.workers, keys.progress}),
            {"heir", std::to_string(lease_ms), "200"}};
  }
  FunctionCall put_off() {
    const std::vector<Leased> held = hold(2);
    return {"put_off", {keys.workers, keys.ready[1]}, {"w", held[0].entry_id, held[1].entry_id}};
  }
  FunctionCall start() {
    const Leased normal = lease_one("w", 3);
    const Leased low = lease_one("w", 2, Priority::low);
    settle("w", normal, {0});
    return {"start",
            with_streams({keys.workers, keys.progress}),
            {"w", "1:" + normal.entry_id, "3", "2", "2:" + low.entry_id, "2", "0",
             "1:" + normal.entry_id, "3", "1"}};
  }
  FunctionCall finish_of(const std::vector<Leased>& held) {
    std::size_t jobs = 0, bytes = 0;
    FunctionCall call{
        "finish", {keys.state, keys.workers, keys.progress, keys.ready[1]}, {"w", "", "", ""}};
    for (const Leased& one : held) {
      const std::size_t open_jobs = jobs_in(one.bytes) - std::ranges::count(one.progress, 'x');
      jobs += open_jobs;
      bytes += one.bytes.size();
      call.arguments[3] += big_endian(open_jobs, 2) + big_endian(one.bytes.size(), 4);
      call.arguments.push_back(one.entry_id);
    }
    call.arguments[1] = std::to_string(jobs);
    call.arguments[2] = std::to_string(bytes);
    return call;
  }
  FunctionCall finish_one() { return finish_of(hold(1)); }
  FunctionCall finish_four() { return finish_of(hold(4)); }
  FunctionCall finish_with_progress() {
    std::vector<Leased> held = hold(4);
    settle("w", held[2], {0});
    held[2].progress = "x.";
    return finish_of(held);
  }
  FunctionCall finish_the_rest() {
    const std::vector<Leased> held = hold(4);
    done("w", {held[1]});
    return finish_of(held);
  }
  FunctionCall done_of_before() {
    FunctionCall call = finish_of({});
    call.function = "done";
    call.arguments = {"w"};
    for (const Leased& one : hold(3)) {
      call.arguments.insert(call.arguments.end(),
                            {one.entry_id, "2", std::to_string(one.bytes.size())});
    }
    return call;
  }
  /// The call that `settle` of the fixture makes.
  FunctionCall settle_of(const Leased& leased, const std::vector<std::size_t>& done_jobs,
                         const std::vector<std::size_t>& expired_jobs = {},
                         const std::vector<Move>& moves = {}) {
    FunctionCall call{
        "settle",
        settle_keys(leased),
        {"w", leased.entry_id, std::to_string(jobs_in(leased.bytes)),
         std::to_string(leased.bytes.size()), packed(done_jobs), packed(expired_jobs)}};
    for (const Move& move : moves) {
      call.arguments.insert(call.arguments.end(), {std::to_string(move.index), move.verb,
                                                   std::to_string(move.delay_ms), move.bytes});
    }
    return call;
  }
  FunctionCall settle_the_last() {
    use_queue();
    const Leased leased = take_one(3);
    settle("w", leased, {0});
    return settle_of(leased, {1, 2});
  }
  FunctionCall settle_some() {
    use_queue();
    return settle_of(take_one(4), {0, 2}, {1});
  }
  FunctionCall every_verb(const Leased& leased) {
    const auto one = [&](std::size_t i) { return one_of(leased.bytes, i); };
    return settle_of(leased, {0}, {1},
                     {{2, "r", 0, one(2)},
                      {3, "r", 60'000, one(3)},
                      {4, "f", 0, one(4)},
                      {5, "r", 0, one(5)},
                      {6, "f", 0, one(6)},
                      {7, "r", 70'000, one(7)}});
  }
  FunctionCall settle_every_verb() {
    use_queue();
    return every_verb(take_one(9));
  }
  FunctionCall settle_every_verb_of_the_last() {
    use_queue();
    return every_verb(take_one(8));
  }
  FunctionCall bury_one() {
    use_queue();
    const Leased leased = take_one(3);
    settle("w", leased, {1});
    return bury_of(leased);
  }
  FunctionCall bury_what_nobody_enqueued() {
    use_queue();
    fetch("w", 100);
    command({"XADD", keys.ready[1], "*", "e", "no producer stored this"});
    return bury_of(fetch("w", 1).at(0));
  }
  FunctionCall bury_of(const Leased& leased) {
    const std::string letter = wire::wrap_opaque(leased.bytes, 1, JobId{}, {"broken", 1, 0});
    return {"bury",
            {keys.state, keys.workers, keys.progress, keys.ready[1], keys.dead, keys.parked},
            {"w", leased.entry_id, std::to_string(leased.bytes.size()), letter}};
  }
  FunctionCall release_two() {
    const std::vector<Leased> held = hold(3);
    settle("w", held[1], {0});
    return {"release",
            {keys.state, keys.workers, keys.progress, keys.ready[1]},
            {"w", held[0].entry_id, held[1].entry_id, held[2].entry_id}};
  }
  FunctionCall expire_producers() {
    use_queue();
    command({"HSET", keys.producers, "old", "7:1000", "older", "8:900"});
    return {"expire_producers", {keys.producers}, {"0", "3600000"}};
  }

  // --- People ---

  FunctionCall dead_retry() {
    use_queue();
    FunctionCall call{"dead_retry", with_streams({keys.state, keys.dead, keys.parked}), {}};
    for (const auto& [name, bytes] : died_) {
      call.arguments.insert(call.arguments.end(), {name, bytes});
    }
    return call;
  }
  FunctionCall dead_drop() {
    use_queue();
    FunctionCall call{"dead_drop", {keys.state, keys.dead, keys.parked}, {}};
    for (const auto& [name, bytes] : died_) call.arguments.push_back(name);
    return call;
  }
  FunctionCall purge() {
    use_queue();
    const Leased released = take_one(3);
    settle("w", released, {1});
    release("w", {released});
    return {"purge", with_streams({keys.state, keys.due, keys.parked, keys.progress}), {"500"}};
  }
  FunctionCall pause() {
    use_queue();
    return {"pause", {keys.control}, {"1"}};
  }
  FunctionCall resume() {
    use_queue();
    command({"HSET", keys.control, "paused", "1"});
    return {"pause", {keys.control}, {"0"}};
  }
  FunctionCall counts() {
    use_queue();
    auto list =
        with_streams({keys.state, keys.workers, keys.progress, keys.due, keys.parked, keys.dead});
    list.push_back(keys.control);
    return {"counts", list, {}};
  }
  FunctionCall count_range() {
    use_queue();
    return {"count_range", {keys.progress, keys.ready[1]}, {"-", "+", "500"}};
  }
  FunctionCall count_parked() {
    use_queue();
    return {"count_parked", {keys.due, keys.parked}, {"0", "500"}};
  }

  /// Lets the worker hold envelopes of two jobs.
  std::vector<Leased> hold(std::size_t envelopes) {
    use_queue();
    fetch("w", 100);
    std::vector<Parcel> parcels;
    for (std::size_t i = 0; i < envelopes; ++i) parcels.push_back({envelope(2)});
    enqueue(parcels);
    return fetch("w", 100);
  }

  /// Lets the worker hold one more envelope.
  Leased take_one(std::size_t jobs) {
    fetch("w", 100);
    return lease_one("w", jobs);
  }
  /// Names and bytes of the dead letters of `use_queue`.
  const std::vector<std::pair<std::string, std::string>>& died() const { return died_; }

 private:
  /// Lets one job of a stream become a dead letter.
  void die(const std::string& worker, Priority priority) {
    if (priority == Priority::high) died_.clear();
    const Leased leased = lease_one(worker, 1, priority);
    const std::string letter = one_of(leased.bytes, 0);
    settle(worker, leased, {}, {}, {{0, "f", 0, letter}});
    died_.emplace_back(name_of(letter, priority), letter);
  }

  std::vector<std::pair<std::string, std::string>> died_;  ///< name and bytes of dead letters
};

}  // namespace ferry::test
