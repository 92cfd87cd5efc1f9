#pragma once

// Which stage owns the slowest jobs.
//
//   jobs ─sort by total─> the slowest part ┐
//                     └─> those around the median ┴─ stage by stage ─> what the slow ones have more
//                     of

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ferry::budget {

/// Where a job's time went, in its order; `earlier` takes the place of `before` in later attempts.
enum class Stage : std::size_t { before, earlier, hold, credit, run, settle };
inline constexpr std::size_t stage_count = 6;
inline constexpr std::array<std::string_view, stage_count> stage_names = {
    "before", "earlier", "hold", "credit", "run", "settle"};
inline constexpr std::array<std::string_view, stage_count> stage_meanings = {
    "enqueue, a wished delay, Redis, fetch", "earlier attempts and their back-off",
    "for company, a handler being free",     "for a handler, none being free",
    "in the handler, as long as its batch",  "from the handler's end to Redis's word"};

using StageTimes = std::array<double, stage_count>;  ///< µs

/// One job that has come to its end.
struct JobTimes {
  std::string queue;
  std::string kind;
  StageTimes us{};

  double total_us() const;
};

/// The slowest part needs this many jobs: fewer are anecdotes.
inline constexpr std::size_t least_slow_jobs = 10;

/// What a part of the jobs spends its time on.
struct Tail {
  std::size_t jobs = 0;
  std::size_t slow_jobs = 0;
  double part = 0;
  double slow_from_us = 0;  ///< the quickest of the slowest part
  StageTimes median{};      ///< mean over the tenth of the jobs around the median
  StageTimes slow{};        ///< mean over the slowest part
  /// The stage the slow jobs have most more of; none with too few jobs, or when the slowest part
  /// takes hardly longer than the median job.
  std::optional<Stage> owner;
  bool enough = false;

  double median_us() const;
  double slow_us() const;
};

/// `part` above 0 and at most 0.5.
Tail tail_of(std::vector<JobTimes> jobs, double part);

/// Returns: what the table means and what would help, in one or two sentences.
std::string in_words(const Tail& tail);

/// Those of one queue and kind.
struct Group {
  std::string queue;
  std::string kind;
  Tail tail;
};
/// Returns: one for each queue and kind, those with the slowest tails first.
std::vector<Group> groups_of(const std::vector<JobTimes>& jobs, double part);

}  // namespace ferry::budget
