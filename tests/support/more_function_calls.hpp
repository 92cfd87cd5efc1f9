#pragma once

#include <string>
#include <vector>

#include "support/function_calls.hpp"

namespace ferry::test {

/// Calls of what workers leave to each other, of parts, of what is due, and of what operators take
/// out and put back.
class MoreFunctionCalls : public FunctionCalls {
 protected:
  // --- Workers ---

  FunctionCall beat() {
    use_queue();
    return {"beat", {keys.control, keys.workers}, {"w", "60000", "1"}};
  }
  FunctionCall look_after() {
    use_queue();
    aside(hold(2));
    return {"look", with_streams({keys.workers}), {"w", "60000"}};
  }
  FunctionCall hint() {
    use_queue();
    return {"hint", {keys.state, keys.workers}, {"w", "send_mail=2"}};
  }
  FunctionCall set_aside() {
    const std::vector<Leased> held = hold(3);
    settle("w", held[1], {0});
    return {"set_aside",
            {keys.workers, keys.ready[1]},
            {"w", "~kind:x", held[0].entry_id, "2", held[1].entry_id, "1", held[2].entry_id, "2"}};
  }
  FunctionCall claim_of(const std::string& holder) {
    return {"claim",
            {keys.control, keys.workers, keys.progress, keys.ready[1]},
            {"w", holder, "100", "0"}};
  }
  FunctionCall claim_aside() {
    const std::vector<Leased> held = hold(3);
    settle("w", held[1], {0});
    aside(held);
    return claim_of("~kind:x");
  }
  FunctionCall claim_left() {
    use_queue();
    settle("gone", lease_one("gone", 3), {0});
    command({"HDEL", keys.workers, "gone"});
    return claim_of("gone");
  }
  FunctionCall part_of(const Leased& leased, const std::vector<std::vector<std::string>>& parts) {
    FunctionCall call{
        "part",
        {keys.state, keys.workers, keys.progress, keys.ready[1], keys.due, keys.parked, keys.dead},
        {"w", leased.entry_id, std::to_string(jobs_in(leased.bytes)),
         std::to_string(leased.bytes.size())}};
    for (const auto& part : parts) {
      call.arguments.insert(call.arguments.end(), part.begin(), part.end());
    }
    return call;
  }
  std::vector<std::string> leaving(const Leased& leased, const std::string& verb, std::size_t index,
                                   const std::string& delay = "0") {
    return {verb, delay, packed({index}), one_of(leased.bytes, index)};
  }
  FunctionCall part_some() {
    use_queue();
    const Leased leased = take_one(5);
    settle("w", leased, {4});
    return part_of(leased, {leaving(leased, "r", 0), leaving(leased, "r", 1, "60000"),
                            leaving(leased, "f", 2)});
  }
  FunctionCall part_the_rest() {
    use_queue();
    const Leased leased = take_one(3);
    settle("w", leased, {2});
    return part_of(leased, {leaving(leased, "r", 0), leaving(leased, "f", 1)});
  }
  FunctionCall promote_due() {
    use_queue();
    make_all_due();
    return {"promote", with_streams({keys.state, keys.due, keys.parked}), {"100", "65536"}};
  }
  FunctionCall promote_large() {
    use_queue();
    make_all_due();
    return {"promote", with_streams({keys.state, keys.due, keys.parked}), {"100", "65536", "10"}};
  }
  FunctionCall due_move() {
    use_queue();
    const std::string body = envelope(2);
    enqueue({{body, Priority::normal, 60'000}});
    make_all_due();
    const std::string gate = keys.gate_of("w"), name = name_of(body);
    FunctionCall call{"due_open",
                      {keys.state, keys.due, keys.parked, gate, keys.ready[1]},
                      {name, "1", std::to_string(body.size()), "2"}};
    call.behind = {{"XADD", gate, "NOMKSTREAM", "*", "e", body},
                   {"RENAMENX", gate, keys.ready[1]},
                   {"FCALL", "ferry_v1_due_close", "4", keys.state, keys.due, keys.parked,
                    keys.ready[1], name, "2"}};
    return call;
  }

  // --- People ---

  FunctionCall dead_split() {
    use_queue();
    const std::string bundle = envelope(3);
    die("w", bundle);
    FunctionCall call{"dead_split", {keys.state, keys.dead, keys.parked}, {name_of(bundle)}};
    for (std::size_t i = 0; i < 3; ++i) call.arguments.push_back(one_of(bundle, i));
    return call;
  }
  FunctionCall dead_move() {
    use_queue();
    const auto [name, letter] = died().at(1);
    const std::string gate = keys.gate_of("admin");
    FunctionCall call{"dead_open",
                      {keys.state, keys.dead, keys.parked, gate, keys.ready[1]},
                      {name, std::to_string(letter.size()), "1", std::to_string(letter.size())}};
    call.behind = {
        {"XADD", gate, "NOMKSTREAM", "*", "e", letter},
        {"RENAMENX", gate, keys.ready[1]},
        {"FCALL", "ferry_v1_dead_close", "4", keys.state, keys.dead, keys.parked, keys.ready[1]}};
    return call;
  }
  FunctionCall remove() {
    use_queue();
    const auto [name, letter] = died().at(1);
    const std::string waits = envelope(3), delayed = envelope(2);
    enqueue({{waits}});
    enqueue({{delayed, Priority::low, 60'000}});
    const redis::ReplyPtr last =
        connection->call({"XREVRANGE", keys.ready[1], "+", "-", "COUNT", "1"});
    return {"remove",
            {keys.state, keys.due, keys.dead, keys.parked, keys.progress, keys.ready[0],
             keys.ready[1], keys.ready[2]},
            {"dead", name, "1", std::to_string(letter.size()), "due",
             name_of(delayed, Priority::low), "2", std::to_string(delayed.size()), "1",
             std::string(last->root()[0][0].text), "3", std::to_string(waits.size())}};
  }
  FunctionCall forget() {
    lease_one("w", 1);
    fetch("w", 100);
    const redis::ReplyPtr all = connection->call({"XRANGE", keys.ready[1], "-", "+"});
    for (const redis::Reply& entry : all->root()) {
      done("w", {{std::string(entry[0].text), std::string(entry[1][1].text)}});
    }
    command({"HSET", keys.workers, "w", "1"});
    auto list = std::vector<std::string>{keys.state,    keys.due,     keys.dead,    keys.parked,
                                         keys.progress, keys.control, keys.workers, keys.producers};
    list.insert(list.end(), keys.ready.begin(), keys.ready.end());
    return {"forget", list, {"1000"}};
  }

 private:
  void aside(const std::vector<Leased>& held) {
    FunctionCall call{"set_aside", {keys.workers, keys.ready[1]}, {"w", "~kind:x"}};
    for (const Leased& one : held) {
      call.arguments.insert(call.arguments.end(), {one.entry_id, "2"});
    }
    EXPECT_TRUE(fcall(call.function, call.keys, call.arguments).starts_with("[OK"));
  }

  void make_all_due() {
    const redis::ReplyPtr names = connection->call({"ZRANGE", keys.due, "0", "-1"});
    for (const redis::Reply& name : names->root()) {
      command({"ZADD", keys.due, "1", std::string(name.text)});
    }
  }

  /// Lets an envelope become a dead letter as it is.
  void die(const std::string& worker, const std::string& bytes) {
    fetch(worker, 100);
    enqueue({{bytes}});
    const Leased leased = fetch(worker, 1).at(0);
    fcall("bury", {keys.state, keys.workers, keys.progress, keys.ready[1], keys.dead, keys.parked},
          {worker, leased.entry_id, std::to_string(bytes.size()), bytes});
  }
};

}  // namespace ferry::test
