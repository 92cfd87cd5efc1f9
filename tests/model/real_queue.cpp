#include "model/real_queue.hpp"

#include <algorithm>
#include <stdexcept>

namespace ferry::model {
namespace {

constexpr std::string_view commands_of_library =
    R"lua(call = function(...) call, try = redis.call, redis.pcall; return call(...) end
try = function(...) call, try = redis.call, redis.pcall; return try(...) end
)lua";

// An entry's id is `<ms>-*`, which Redis completes as it would complete `*`.
constexpr std::string_view commands_with_clock = R"lua(
local function on_clock(run, command, key, ...)
  if command == 'TIME' then
    local now = tonumber(redis.call('GET', 'clock'))
    return {math.floor(now / 1000), now % 1000 * 1000}
  end
  if not key then return run(command) end
  if command ~= 'XADD' then return run(command, key, ...) end
  local ms = tonumber(redis.call('GET', 'clock'))
  local stream = redis.pcall('XINFO', 'STREAM', key)
  for i = 1, stream.err and 0 or #stream, 2 do
    if stream[i] == 'last-generated-id' then
      ms = math.max(ms, tonumber(string.match(stream[i + 1], '^%d+')))
    end
  end
  local words = {...}
  for i = 1, 2 do
    if words[i] == '*' then words[i] = string.format('%.0f-*', ms) end
  end
  return run(command, key, unpack(words))
end
call = function(...) return on_clock(redis.call, ...) end
try = function(...) return on_clock(redis.pcall, ...) end
)lua";

// XADD on that clock, for entries that no function stores; and for what no function parks.
constexpr std::string_view add_with_clock = R"lua(
redis.register_function('ferry_test_add', function(keys, args)
  for i = 2, #args do
    if args[1] ~= '' then
      call('XADD', keys[1], args[1], '*', 'e', args[i])
    else
      call('XADD', keys[1], '*', 'e', args[i])
    end
  end
  return 'OK'
end)
redis.register_function('ferry_test_park', function(keys, args)
  if args[1] ~= '' then call('ZADD', keys[1], args[1], args[2]) end
  call('HSET', keys[2], args[2], args[3])
  return 'OK'
end)
)lua";

Answer answer_of(const redis::Reply& reply) {
  using Type = redis::Reply::Type;
  switch (reply.type) {
    case Type::nil:
      return "nil";
    case Type::integer:
      return reply.integer;
    case Type::error:
      return "error " + std::string(reply.text.substr(0, reply.text.find(' ')));
    case Type::text:
    case Type::status:
      return std::string(reply.text);
    case Type::array:
      break;
  }
  Answer answer = Answer::list({});
  for (const redis::Reply& element : reply) answer.parts.push_back(answer_of(element));
  return answer;
}

/// The entries of the one stream that was read, each: id, envelope, marks if it has some.
Answer fetched(const redis::Reply& reply) {
  if (reply.is_error()) return answer_of(reply);
  Answer answer = Answer::list({});
  if (reply.is_nil()) return answer;
  for (const redis::Reply& entry : reply[0][1]) {
    Answer one = Answer::list({std::string(entry[0].text)});
    for (std::size_t i = 1; i < entry[1].size; i += 2)
      one.parts.emplace_back(std::string(entry[1][i].text));
    answer.parts.push_back(one);
  }
  return answer;
}

std::string text(const redis::Reply& reply) {
  return reply.type == redis::Reply::Type::integer ? std::to_string(reply.integer)
                                                   : std::string(reply.text);
}

/// The value behind a name in a flat list.
std::string after(const redis::Reply& list, std::string_view name) {
  for (std::size_t i = 0; i + 1 < list.size; i += 2) {
    if (list[i].text == name) return text(list[i + 1]);
  }
  return {};
}

}  // namespace

std::string RealQueue::with_clock(std::string_view library) {
  const std::size_t at = library.find(commands_of_library);
  if (at == std::string_view::npos) return {};
  std::string text(library.substr(0, at));
  text += commands_with_clock;
  text += library.substr(at + commands_of_library.size());
  return text.append(add_with_clock);
}

std::string RealQueue::load(redis::Connection& connection, std::string_view library) {
  const auto reply = connection.command({"FUNCTION", "LOAD", "REPLACE", library});
  return reply->root().is_error() ? std::string(reply->root().text) : std::string();
}

RealQueue::RealQueue(redis::Connection& connection, std::string_view name)
    : connection_(connection), keys_("ferry", name) {
  connection_.connect();
}

std::vector<std::string> RealQueue::keys_of(const Operation& operation) const {
  const std::string& f = operation.function;
  const Keys& k = keys_;
  const std::string& stream = k.ready[operation.digit];
  const auto and_streams = [&](std::vector<std::string> list) {
    list.insert(list.end(), k.ready.begin(), k.ready.end());
    return list;
  };
  if (f == "enqueue") return and_streams({k.state, k.producers, k.due, k.parked});
  if (f == "open") {
    return and_streams({k.state, k.producers, k.gate_of(operation.args[0]), stream});
  }
  if (f == "register" || f == "leave") return and_streams({k.control, k.workers});
  if (f == "renew") return {k.control, k.workers};
  if (f == "reclaim") return and_streams({k.state, k.workers, k.progress});
  if (f == "start") return and_streams({k.workers, k.progress});
  if (f == "put_off") return {k.workers, stream};
  if (f == "finish" || f == "done" || f == "release")
    return {k.state, k.workers, k.progress, stream};
  if (f == "settle") return {k.state, k.workers, k.progress, stream, k.due, k.parked, k.dead};
  if (f == "bury") return {k.state, k.workers, k.progress, stream, k.dead, k.parked};
  if (f == "beat") return {k.control, k.workers};
  if (f == "look") return and_streams({k.workers});
  if (f == "claim") return {k.control, k.workers, k.progress, stream};
  if (f == "set_aside") return {k.workers, stream};
  if (f == "hint") return {k.state, k.workers};
  if (f == "part") return {k.state, k.workers, k.progress, stream, k.due, k.parked, k.dead};
  if (f == "dead_split") return {k.state, k.dead, k.parked};
  if (f == "promote") return and_streams({k.state, k.due, k.parked});
  if (f == "expire_producers") return {k.producers};
  if (f == "dead_retry") return and_streams({k.state, k.dead, k.parked});
  if (f == "dead_drop") return {k.state, k.dead, k.parked};
  if (f == "counts") {
    auto keys = and_streams({k.state, k.workers, k.progress, k.due, k.parked, k.dead});
    keys.push_back(k.control);
    return keys;
  }
  if (f == "count_range") return {k.progress, stream};
  if (f == "count_parked") return {operation.digit == 0 ? k.due : k.dead, k.parked};
  if (f == "pause") return {k.control};
  if (f == "purge") return and_streams({k.state, k.due, k.parked, k.progress});
  if (f == "books") {
    auto keys = and_streams({k.state, k.workers, k.progress, k.due, k.parked, k.dead});
    keys.insert(keys.end(), {k.control, k.producers});
    return keys;
  }
  if (f == "weigh") return {k.progress, stream};
  if (f == "weigh_parked") return {operation.digit == 0 ? k.due : k.dead, k.parked};
  if (f == "remove") return and_streams({k.state, k.due, k.dead, k.parked, k.progress});
  if (f == "forget") {
    return and_streams(
        {k.state, k.due, k.dead, k.parked, k.progress, k.control, k.workers, k.producers});
  }
  if (f == "dead_open") return {k.state, k.dead, k.parked, k.gate_of("retry"), stream};
  throw std::logic_error("no keys known for " + f);
}

void RealQueue::append_call(const Operation& operation) {
  const std::string function = "ferry_v1_" + operation.function;
  const std::vector<std::string> keys = keys_of(operation);
  const std::string count = std::to_string(keys.size());
  std::vector<std::string_view> words{"FCALL", function, count};
  words.insert(words.end(), keys.begin(), keys.end());
  const bool is_retry = operation.function == "dead_open";
  if (operation.function != "open" && !is_retry) {
    words.insert(words.end(), operation.args.begin(), operation.args.end());
    return connection_.append(words);
  }
  // A transaction around envelopes that Lua does not see.
  const auto envelopes = operation.args.begin() + (is_retry ? 4 : 7);
  const std::string gate = keys[is_retry ? 3 : 2];
  const std::string& stream = keys[is_retry ? 4 : 3];
  words.insert(words.end(), operation.args.begin(), envelopes);
  connection_.append({"MULTI"});
  connection_.append(words);
  words = {"FCALL", "ferry_test_add", "1", gate, "NOMKSTREAM"};
  words.insert(words.end(), envelopes, operation.args.end());
  connection_.append(words);
  connection_.append({"RENAMENX", gate, stream});
  if (is_retry) {
    connection_.append(
        {"FCALL", "ferry_v1_dead_close", "4", keys_.state, keys_.dead, keys_.parked, stream});
  }
  connection_.append({"EXEC"});
}

void RealQueue::append_move(const Operation& operation) {
  const std::string& stream = keys_.ready[operation.digit];
  const std::string gate = keys_.gate_of("w");
  const Words& args = operation.args;
  connection_.append({"MULTI"});
  connection_.append({"FCALL", "ferry_v1_due_open", "5", keys_.state, keys_.due, keys_.parked, gate,
                      stream, args[0], args[1], args[2], args[3]});
  connection_.append({"FCALL", "ferry_test_add", "1", gate, "NOMKSTREAM", args[4]});
  connection_.append({"RENAMENX", gate, stream});
  connection_.append(
      {"FCALL", "ferry_v1_due_close", "4", keys_.state, keys_.due, keys_.parked, stream, args[0]});
  connection_.append({"EXEC"});
}

void RealQueue::append(const Operation& operation) {
  const std::string& stream = keys_.ready[operation.digit];
  connection_.append({"SET", "clock", std::to_string(operation.now)});
  if (operation.function == "fetch") {
    const std::string& worker = operation.args[0];
    // Redis 7.0 makes a consumer when it gets something, later ones at once.
    connection_.append({"XGROUP", "CREATECONSUMER", stream, group_name, worker});
    connection_.append({"XREADGROUP", "GROUP", group_name, worker, "COUNT", operation.args[1],
                        "STREAMS", stream, ">"});
  } else if (operation.function == "alien") {
    connection_.append({"FCALL", "ferry_test_add", "1", stream, "", operation.args[0]});
  } else if (operation.function == "stray") {
    connection_.append({"FCALL", "ferry_test_park", "2", keys_.due, keys_.parked, operation.args[0],
                        operation.args[1], operation.args[2]});
  } else if (operation.function == "due_move") {
    append_move(operation);
  } else {
    append_call(operation);
  }
  append_look();
}

Effect RealQueue::read(const Operation& operation) {
  Effect effect;
  connection_.read();  // the clock
  if (operation.function == "fetch") {
    connection_.read();
    effect.answer = fetched(connection_.read()->root());
  } else if (operation.function == "open" || operation.function == "dead_open") {
    const bool is_retry = operation.function == "dead_open";
    for (int queued = 0; queued < (is_retry ? 5 : 4); ++queued) connection_.read();
    const auto replies = connection_.read();
    const redis::Reply& all = replies->root();
    effect.answer = all.size == 0 ? answer_of(all) : answer_of(all[0]);
    if (is_retry && all.size == 4 && all[0].text == "OK") {
      effect.answer = Answer::list({"OK", answer_of(all[3])});
    }
  } else if (operation.function == "due_move") {
    for (int queued = 0; queued < 5; ++queued) connection_.read();
    const auto replies = connection_.read();
    effect.answer = Answer::list({answer_of(replies->root()[0]), answer_of(replies->root()[3])});
  } else {
    effect.answer = answer_of(connection_.read()->root());
    // Whether counters of 0 are there depends on what was counted once.
    const bool forgot = operation.function == "forget" && effect.answer.parts.size() == 3;
    if (forgot) effect.answer.parts.erase(effect.answer.parts.begin() + 1);
  }
  effect.stored = read_look();
  return effect;
}

void RealQueue::append_look() {
  for (const std::string* hash : {&keys_.state, &keys_.control, &keys_.producers, &keys_.workers,
                                  &keys_.progress, &keys_.parked}) {
    connection_.append({"HGETALL", *hash});
  }
  for (const std::string* names : {&keys_.due, &keys_.dead}) {
    connection_.append({"ZRANGE", *names, "0", "-1", "WITHSCORES"});
  }
  for (const std::string& stream : keys_.ready) {
    connection_.append({"XINFO", "STREAM", stream});
    connection_.append({"XINFO", "GROUPS", stream});
    connection_.append({"XRANGE", stream, "-", "+"});
    connection_.append({"XPENDING", stream, group_name, "-", "+", "10000"});
    connection_.append({"XINFO", "CONSUMERS", stream, group_name});
  }
  // A gate that stayed open.
  connection_.append({"KEYS", keys_.base + "gate:*"});
}

Words RealQueue::read_look() {
  Words lines;
  const auto read_pairs = [&](const char* what, const char* between) {
    const auto reply = connection_.read();
    for (std::size_t i = 0; i + 1 < reply->root().size; i += 2) {
      lines.push_back(std::string(what) + " " + text(reply->root()[i]) + between +
                      text(reply->root()[i + 1]));
    }
  };
  for (const char* hash :
       {"state", "control", "producer", "worker", "progress", "parked", "due", "dead"}) {
    read_pairs(hash, " ");
  }
  // A counter that is not there is 0.
  std::erase_if(lines, [](const std::string& line) {
    return (line.starts_with("state ") || line.starts_with("control ")) && line.ends_with(" 0");
  });
  for (std::size_t digit = 0; digit < keys_.ready.size(); ++digit) {
    const std::string of = "stream " + std::to_string(digit) + " ";
    const auto info = connection_.read(), groups = connection_.read(), entries = connection_.read(),
               pending = connection_.read(), consumers = connection_.read();
    if (info->root().is_error()) continue;
    lines.push_back(of + "last " + after(info->root(), "last-generated-id"));
    for (const redis::Reply& group : groups->root()) {
      lines.push_back(of + "delivered " + after(group, "last-delivered-id"));
    }
    for (const redis::Reply& entry : entries->root()) {
      const redis::Reply& fields = entry[1];
      std::string line = of + "entry " + text(entry[0]) + " " + text(fields[1]);
      if (fields.size > 2) line += " " + text(fields[2]) + " " + text(fields[3]);
      lines.push_back(line);
    }
    for (const redis::Reply& held : pending->root()) {
      lines.push_back(of + "pending " + text(held[0]) + " " + text(held[1]) + " " + text(held[3]));
    }
    for (const redis::Reply& consumer : consumers->root()) {
      lines.push_back(of + "consumer " + after(consumer, "name"));
    }
  }
  const auto gates = connection_.read();
  for (const redis::Reply& gate : gates->root()) lines.push_back("gate " + text(gate));
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace ferry::model
