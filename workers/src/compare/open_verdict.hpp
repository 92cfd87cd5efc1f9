#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compare/open_run.hpp"

namespace ferry::compare {

enum class Gain : std::uint8_t { unknown, none, gain, large_gain };

std::string_view to_string(Gain gain);

/// What a comparison says of one rate, against the first policy.
struct RateFinding {
  double rate = 0;
  bool refused = false;         ///< a generator lagged, or the books do not balance
  bool baseline_keeps = false;  ///< the budget, in a steady state
  std::string cheapest;         ///< of those that keep it; empty = nobody does
  double saving = 0;            ///< of worker time a job against the first policy, 0 unless shown
};

struct OpenVerdict {
  Gain gain = Gain::unknown;
  std::string text;                ///< the answer, or why there is none
  std::vector<std::string> notes;  ///< what else a reader has to know
  std::vector<RateFinding> rates;
};

/// A policy keeps the budget at a rate when its jobs' p99 (the median over the repetitions) is
/// within it, in a steady state. It saves worker time when the ranges over the repetitions are
/// apart and the medians by at least a tenth.
///
/// Large gain: half of the worker time saved at some rate where both keep the budget, or the budget
/// kept at twice the rate. Gain: a tenth of it, or at 1.25 times the rate, which is more than the
/// distance of two neighbouring rates. None otherwise.
OpenVerdict open_verdict_of(const std::vector<OpenRow>& rows,
                            const std::vector<std::string>& policies, double budget_us);

/// For each row whether another policy at the same rate costs no more worker time and has no higher
/// p99, and is better in one of them; nothing for rows that are not steady or lagged, which no
/// figures of others are held against.
std::vector<std::optional<bool>> dominated_rows(const std::vector<OpenRow>& rows);

/// Returns: the row of a rate that is the knee of its front, by `knee_rule`.
std::optional<std::size_t> knee_row(const std::vector<OpenRow>& rows, double rate);

}  // namespace ferry::compare
