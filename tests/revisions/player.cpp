#include "revisions/player.hpp"

#include <optional>

#include "functions/keys.hpp"
#include "support/eventually.hpp"

namespace ferry::revisions {
namespace {

using redis::Reply;
using Words = std::vector<std::string>;

/// The queue of every recording.
const Keys keys("ferry", "mail");

/// Returns: nothing when a word names what was not seen.
std::optional<std::vector<Words>> commands_of(const Step& step, Names& names) {
  std::vector<Words> commands;
  for (const Words& words : step.commands) {
    Words& command = commands.emplace_back();
    for (const std::string& word : words) {
      auto bytes = names.bytes_of(word);
      if (!bytes) return std::nullopt;
      command.push_back(std::move(*bytes));
    }
  }
  return commands;
}

bool is_call_of(const Words& command, std::string_view function) {
  return command.size() > 1 && command[0].starts_with("FCALL") && command[1] == function;
}

std::string shown(const Words& command) {
  std::string text;
  for (std::size_t i = 0; i < command.size() && i < 2; ++i) text += command[i] + " ";
  return text;
}

}  // namespace

Player::Player(const Recording& recording, RedisOptions redis)
    : recording_(recording), connection_(std::move(redis)) {
  connection_.connect();
}

bool Player::play(const std::string& role_and_name, Reading reading) {
  bool well = true;
  for (const std::string& before : recording_.scene(role_and_name).after) {
    well = play_alone(before, reading) && well;
  }
  return play_alone(role_and_name, reading) && well;
}

bool Player::play_alone(const std::string& role_and_name, Reading reading) {
  const std::size_t before = complaints_.size();
  names.begin_scene();
  for (const Step& step : recording_.scene(role_and_name).steps) {
    make(step, role_and_name, reading);
  }
  return complaints_.size() == before;
}

void Player::make(const Step& step, const std::string& scene, Reading reading) {
  const auto commands = commands_of(step, names);
  if (!commands) {
    // Others have taken the entry; where nobody else is, a fetch before has brought too little.
    if (reading == Reading::exact) complaints_.push_back(scene + ": names what was not seen");
    return;
  }
  if (step.await_due && reading == Reading::exact) await_due();
  if (!step.by_hand) ++calls_;
  std::string found = sent_and_read(step, *commands, reading);
  if (step.until && reading == Reading::exact && !found.empty()) {
    test::eventually([&] { return (found = sent_and_read(step, *commands, reading)).empty(); });
  }
  if (!found.empty()) complaints_.push_back(scene + ": " + shown(commands->front()) + found);
}

void Player::await_due() {
  test::eventually([&] {
    const auto time = connection_.call({"TIME"});
    const std::int64_t ms = std::stoll(std::string(time->root()[0].text)) * 1000 +
                            std::stoll(std::string(time->root()[1].text)) / 1000;
    const auto later = connection_.call({"ZCOUNT", keys.due, "(" + std::to_string(ms), "+inf"});
    return later->root().integer == 0;
  });
}

std::string Player::sent_and_read(const Step& step, const std::vector<Words>& commands,
                                  Reading reading) {
  for (const Words& command : commands) {
    connection_.append(std::vector<std::string_view>(command.begin(), command.end()));
  }
  connection_.flush();
  redis::ReplyPtr last;
  for (std::size_t i = 0; i < commands.size(); ++i) last = connection_.read();
  const std::string found = difference(step.reads, last->root(), reading, names);
  if (found.empty()) remember(commands.front(), last->root());
  return found;
}

void Player::remember(const Words& command, const Reply& reply) {
  if (is_call_of(command, "ferry_v1_reclaim")) {
    for (std::size_t i = 1; i < reply.size; ++i)
      names.see_entry(reply[i][1].text, reply[i][2].text);
  }
  if (is_call_of(command, "ferry_v1_counts")) {
    for (std::size_t i = 0; i < priority_count; ++i) {
      names.see_counts(std::to_string(reply[16].integer), i, reply[17][i].text);
    }
  }
}

}  // namespace ferry::revisions
