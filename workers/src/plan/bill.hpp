#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/measured.hpp"

namespace ferry::plan {

/// What things cost, as somebody wrote it down on a day.
struct Rates {
  std::string date;  ///< as in 2026-11-25
  std::string currency;
  std::string source;
  double core_hour = 0;
  double gigabyte_hour = 0;   ///< of memory
  double gigabyte_moved = 0;  ///< over the network; 0 when the file has none
};

/// Reads a price file: one JSON object with those members.
///
/// Errors: `invalid_argument` with `file`, the member and what to do.
Rates read_rates(std::string_view json, const std::string& file);

/// Returns: those of comparisons, workers/src/compare/prices.json when Ferry was built.
Rates default_rates();

/// Rented is more than used by as much: for bursts, forks and fragmentation.
inline constexpr double used_of_rented = 0.7;
inline constexpr double hours_in_month = 730;
inline constexpr double bytes_in_gigabyte = 1e9;

/// How much of everything a rate takes.
struct Usage {
  double per_second = 0;
  double worker_per_second = 0;  ///< of each worker
  double mean_batch = 1;
  double outage_seconds = 0;  ///< for which Redis has to hold what comes
};

enum class LineKind : std::uint8_t { worker_cpu, redis_cpu, producer_cpu, redis_memory, traffic };

std::string_view to_string(LineKind kind);

struct Line {
  LineKind kind{};
  double used = 0;       ///< cores, or bytes
  double per_month = 0;  ///< in the currency
};

struct Bill {
  std::vector<Line> lines;  ///< one for each kind, in its order

  double per_month() const;
  double of(LineKind kind) const;
  double used(LineKind kind) const;
  const Line& largest() const;
};

/// cores = rate · µs per job / 10^6, memory = rate · outage · bytes per job, both rented with room;
/// traffic = rate · bytes per job, of a month.
Bill bill_of(const Measured& measured, const Rates& rates, const Usage& usage);

/// Returns: the price of a million jobs at so many a second.
double per_million(double per_month, double per_second);

}  // namespace ferry::plan
