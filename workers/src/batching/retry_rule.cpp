#include "batching/retry_rule.hpp"

#include <algorithm>
#include <cassert>

#include "ranges.hpp"
#include "wire/limits.hpp"

namespace ferry::detail {

namespace {

using std::chrono::milliseconds;

milliseconds jittered(const Backoff& backoff, int attempts, std::uint64_t random) {
  milliseconds most = backoff.base;
  for (int i = 1; i < attempts && most < backoff.cap; ++i) most *= 2;
  most = std::min(most, backoff.cap);
  const auto steps = static_cast<std::uint64_t>(most.count()) + 1;
  return milliseconds{static_cast<milliseconds::rep>(random % steps)};
}

}  // namespace

Verdict decide(const Outcome& outcome, int attempts, int max_attempts, const Backoff& backoff,
               std::uint64_t random) {
  assert(outcome.kind != OutcomeKind::done);
  if (outcome.kind == OutcomeKind::fail) {
    return {true, milliseconds{0}, std::string(cut_reason(outcome.reason))};
  }
  if (attempts >= max_attempts) {
    const std::string after = "after " + std::to_string(attempts) +
                              (attempts == 1 ? " attempt: " : " attempts: ") + outcome.reason;
    return {true, milliseconds{0}, std::string(cut_reason(after))};
  }
  const bool asked = outcome.delay != kinds_backoff;
  const bool negative = outcome.delay < milliseconds{0};
  const milliseconds delay =
      negative ? jittered(backoff, attempts, random) : std::min(outcome.delay, longest_delay);
  // A handler that asks for a time that cannot be is told so where its reason is read.
  std::string mistake;
  if (asked && delay != outcome.delay) {
    mistake = "retry_after is " + std::to_string(outcome.delay.count()) +
              " ms: expected 0 to 366 days, so " + (negative ? "the backoff" : "366 days") +
              " it is; ";
  }
  return {false, delay, std::string(cut_reason(mistake + outcome.reason))};
}

std::string_view cut_reason(std::string_view text) {
  if (text.size() <= wire::max_reason_bytes) return text;
  std::size_t end = wire::max_reason_bytes;
  // 10xxxxxx goes on with a character; one has at most three of them, more are not UTF-8 anyway.
  const auto inside = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
  };
  while (end > wire::max_reason_bytes - 3 && inside(end)) --end;
  return text.substr(0, end);
}

}  // namespace ferry::detail
