#include "flow/score/command_use.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace ferry::flow {
namespace {

template <std::size_t size>
bool is_one_of(std::string_view word, const std::array<std::string_view, size>& words) {
  return std::ranges::find(words, word) != words.end();
}

constexpr std::array<std::string_view, 2> of_producers{"ferry_v1_enqueue", "ferry_v1_open"};

/// Made by the clock. What moves a job on such an occasion is work.
constexpr std::array<std::string_view, 10> by_the_clock{
    "ferry_v1_promote", "ferry_v1_reclaim", "ferry_v1_renew",
    "ferry_v1_beat",    "ferry_v1_look",    "ferry_v1_register",
    "ferry_v1_leave",   "ferry_v1_counts",  "ferry_v1_expire_producers",
    "ferry_v1_revision"};
constexpr std::array<std::string_view, 3> moves{"XADD", "XCLAIM", "XAUTOCLAIM"};

constexpr std::array<std::string_view, 3> of_transactions{"MULTI", "EXEC", "RENAMENX"};
constexpr std::array<std::string_view, 6> of_connections{"SELECT", "CLIENT", "HELLO",
                                                         "AUTH",   "PING",   "FUNCTION"};
constexpr std::array<std::string_view, 6> of_lookers{"XREAD",   "INFO",  "CONFIG",
                                                     "SLOWLOG", "XINFO", "FCALL_RO"};

CommandPurpose purpose_of_function(const test::Traced& command) {
  const std::string_view name = command.size > 1 ? std::string_view(command.words[1]) : "";
  if (is_one_of(name, of_producers)) return CommandPurpose::producers;
  if (!is_one_of(name, by_the_clock)) return CommandPurpose::work;
  const bool moved = std::ranges::any_of(
      command.inside, [](const std::string& inside) { return is_one_of(inside, moves); });
  return moved ? CommandPurpose::work : CommandPurpose::upkeep;
}

}  // namespace

CommandPurpose purpose_of(const test::Traced& command) {
  const std::string_view name = command.words[0];
  if (name == "FCALL") return purpose_of_function(command);
  if (name == "XREADGROUP") return CommandPurpose::fetch;
  const bool at_a_gate = command.size > 1 && command.words[1].find(":gate:") != std::string::npos;
  if (is_one_of(name, of_transactions) || name == "SADD" || at_a_gate) {
    return CommandPurpose::producers;
  }
  if (is_one_of(name, of_connections) || name == "TIME") return CommandPurpose::upkeep;
  // A worker's look at what others have to do; the harness asks for STREAM.
  const bool of_groups = name == "XINFO" && command.size > 1 && command.words[1] == "GROUPS";
  if (of_groups) return CommandPurpose::upkeep;
  if (is_one_of(name, of_lookers)) return CommandPurpose::harness;
  return CommandPurpose::work;
}

CommandUse command_use(std::span<const test::Traced> trace, std::int64_t fetched) {
  CommandUse use;
  std::int64_t fetches = 0;
  for (const test::Traced& command : trace) {
    const auto commands = static_cast<std::int64_t>(1 + command.inside.size());
    switch (purpose_of(command)) {
      case CommandPurpose::producers:
        use.producers += commands;
        break;
      case CommandPurpose::fetch:
        fetches += commands;
        break;
      case CommandPurpose::work:
        use.work += commands;
        break;
      case CommandPurpose::upkeep:
        use.upkeep += commands;
        break;
      case CommandPurpose::harness:
        break;
    }
  }
  use.fetches = std::min(fetches, fetched);
  use.upkeep += fetches - use.fetches;
  return use;
}

}  // namespace ferry::flow
