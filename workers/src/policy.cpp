#include "ferry/policy.hpp"

#include <charconv>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "ferry/error.hpp"
#include "one_line.hpp"
#include "ranges.hpp"

namespace ferry {

namespace {

using std::chrono::microseconds;

constexpr std::size_t most_jobs = 10'000;
constexpr std::size_t least_bytes = 1024;
constexpr std::size_t most_bytes = std::size_t{1} << 30;
constexpr microseconds longest_linger = std::chrono::hours{1};
constexpr microseconds shortest_budget = std::chrono::milliseconds{1};
/// What `latency_budget` allows when nothing else is said, so that it need not be written.
constexpr std::size_t jobs_under_budget = 1000;

/// Units of a linger, the largest first, so that it is written with as few digits as possible.
constexpr std::pair<std::string_view, microseconds> units[] = {
    {"s", std::chrono::seconds{1}}, {"ms", std::chrono::milliseconds{1}}, {"us", microseconds{1}}};

std::string duration_text(microseconds duration) {
  if (duration.count() == 0) return "0ms";
  for (const auto& [name, unit] : units) {
    if (duration % unit == microseconds{0}) {
      return std::to_string(duration / unit) + std::string(name);
    }
  }
  return {};
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// Returns: the number that begins the text and what follows it. One that is larger than any
/// policy takes becomes the largest of all, for `validate` to refuse it by name.
std::optional<std::pair<std::uint32_t, std::string_view>> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    value = std::numeric_limits<std::uint32_t>::max();
  } else if (error != std::errc{}) {
    return std::nullopt;
  }
  return std::pair{value, text.substr(static_cast<std::size_t>(end - text.data()))};
}

std::optional<std::size_t> whole_number(std::string_view text) {
  const auto found = number(text);
  if (!found || !found->second.empty()) return std::nullopt;
  return found->first;
}

std::optional<microseconds> duration(std::string_view text) {
  const auto found = number(text);
  if (!found) return std::nullopt;
  for (const auto& [name, unit] : units) {
    if (found->second == name) return found->first * unit;
  }
  return std::nullopt;
}

/// Splits `name(a, b)` and `name:a:b`; nothing when a bracket is not closed.
std::optional<std::vector<std::string_view>> words_of(std::string_view text) {
  char separator = ':';
  std::vector<std::string_view> words;
  if (const auto open = text.find('('); open != text.npos) {
    if (text.back() != ')') return std::nullopt;
    words.push_back(trimmed(text.substr(0, open)));
    text = text.substr(open + 1, text.size() - open - 2);
    separator = ',';
  }
  while (true) {
    const auto end = text.find(separator);
    words.push_back(trimmed(text.substr(0, end)));
    if (end == text.npos) return words;
    text.remove_prefix(end + 1);
  }
}

std::optional<Policy> budget_of(std::vector<std::string_view> arguments) {
  constexpr std::string_view shed = "shed=";
  std::optional<Priority> shed_from;
  if (!arguments.empty() && arguments.back().starts_with(shed)) {
    shed_from = parse_priority(arguments.back().substr(shed.size()));
    if (!shed_from) return std::nullopt;
    arguments.pop_back();
  }
  if (arguments.empty() || arguments.size() > 2) return std::nullopt;
  const auto budget = duration(arguments[0]);
  const auto jobs =
      arguments.size() == 1 ? std::optional(jobs_under_budget) : whole_number(arguments[1]);
  if (!budget || !jobs) return std::nullopt;
  Policy policy = latency_budget(*budget, *jobs);
  policy.shed_from = shed_from;
  return policy;
}

std::optional<Policy> read(std::string_view text) {
  const auto words = words_of(text);
  if (!words) return std::nullopt;
  const std::string_view name = words->front();
  const std::size_t arguments = words->size() - 1;
  if (name == "realtime" && arguments == 0) return realtime();
  if (name == "realtime" && arguments == 1) {
    const auto jobs = whole_number(words->at(1));
    if (jobs) return realtime(*jobs);
  }
  if (name == "fixed" && arguments == 2) {
    const auto jobs = whole_number(words->at(1));
    const auto linger = duration(words->at(2));
    if (jobs && linger) return fixed(*jobs, *linger);
  }
  if (name == "latency_budget") return budget_of({words->begin() + 1, words->end()});
  return std::nullopt;
}

[[noreturn]] void refuse(const std::string& field, const std::string& value,
                         const std::string& expected) {
  throw Error(ErrorCode::invalid_argument,
              "policy." + field + " is " + value + ": expected " + expected);
}

}  // namespace

std::string_view to_string(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::realtime:
      return "realtime";
    case PolicyKind::fixed:
      return "fixed";
    case PolicyKind::latency_budget:
      return "latency_budget";
  }
  return "unknown";
}

std::string_view to_string(LeaveReason reason) {
  switch (reason) {
    case LeaveReason::size:
      return "size";
    case LeaveReason::bytes:
      return "bytes";
    case LeaveReason::idle:
      return "idle";
    case LeaveReason::linger:
      return "linger";
    case LeaveReason::flush:
      return "flush";
    case LeaveReason::stop:
      return "stop";
    case LeaveReason::suspect:
      return "suspect";
    case LeaveReason::deadline:
      return "deadline";
    case LeaveReason::no_gain:
      return "no_gain";
    case LeaveReason::backlog:
      return "backlog";
    case LeaveReason::crowded:
      return "crowded";
  }
  return "unknown";
}

std::string Policy::to_string() const {
  if (kind == PolicyKind::fixed) {
    return "fixed(" + std::to_string(max_jobs) + ", " + duration_text(linger) + ")";
  }
  if (kind == PolicyKind::latency_budget) {
    const std::string jobs = max_jobs == jobs_under_budget ? "" : ", " + std::to_string(max_jobs);
    const std::string shed = shed_from ? ", shed=" + std::string(ferry::to_string(*shed_from)) : "";
    return "latency_budget(" + duration_text(budget) + jobs + shed + ")";
  }
  return max_jobs == 1 ? "realtime" : "realtime(" + std::to_string(max_jobs) + ")";
}

Policy Policy::shed(Priority from) const {
  Policy policy = *this;
  policy.shed_from = from;
  return policy;
}

Policy Policy::parse(std::string_view text) {
  const auto policy = read(trimmed(text));
  if (!policy) {
    throw Error(ErrorCode::invalid_argument,
                "policy is \"" + one_line(text, 64) +
                    "\": expected realtime, realtime(N), fixed(N, 5ms) or fixed:N:5ms, "
                    "latency_budget(50ms) or latency_budget(50ms, N, shed=low), with times in us, "
                    "ms or s");
  }
  policy->validate();
  return *policy;
}

void Policy::validate() const {
  require_enumerator("policy.kind", kind, PolicyKind::latency_budget,
                     "realtime, fixed or latency_budget");
  require_between("policy.max_jobs", max_jobs, 1, most_jobs);
  require_between("policy.max_bytes", max_bytes, least_bytes, most_bytes,
                  "1024 (1 KiB) to 1073741824 (1 GiB)");
  require_between("policy.linger", linger, microseconds{0}, longest_linger, "0 to 1 h");
  if (kind == PolicyKind::realtime && linger != microseconds{0}) {
    refuse("linger", duration_text(linger), "0 under realtime, which never waits; use fixed");
  }
  if (kind == PolicyKind::latency_budget) {
    require_between("policy.budget", budget, shortest_budget, longest_linger, "1 ms to 1 h");
    if (linger != microseconds{0}) {
      refuse("linger", duration_text(linger), "0 under latency_budget, which decides it");
    }
  } else if (budget != microseconds{0}) {
    refuse("budget", duration_text(budget), "0 unless the policy is latency_budget");
  }
  if (!shed_from) return;
  const auto number = static_cast<std::size_t>(*shed_from);
  const std::string from(number < priority_count ? ferry::to_string(*shed_from) : "no priority");
  if (kind != PolicyKind::latency_budget) {
    refuse("shed", from, "nothing unless the policy is latency_budget, which knows who is late");
  }
  if (number >= priority_count || *shed_from == Priority::high) {
    refuse("shed", from, "normal or low; high jobs are never shed");
  }
}

Policy realtime(std::size_t max_jobs) {
  Policy policy;
  policy.max_jobs = max_jobs;
  return policy;
}

Policy fixed(std::size_t max_jobs, microseconds linger, std::size_t max_bytes) {
  return {PolicyKind::fixed, max_jobs, max_bytes, linger};
}

Policy latency_budget(microseconds p99, std::size_t max_jobs, std::size_t max_bytes) {
  return {PolicyKind::latency_budget, max_jobs, max_bytes, microseconds{0}, p99};
}

}  // namespace ferry
