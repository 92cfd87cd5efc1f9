#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "compare/little.hpp"
#include "compare/run_report.hpp"

namespace ferry::compare {

/// The stages of a job, in its order; together they are its whole latency.
inline constexpr std::array<std::string_view, 7> stage_names = {"enqueue", "wait", "retry", "hold",
                                                                "credit",  "run",  "settle"};
inline constexpr std::array<std::string_view, 7> stage_meanings = {
    "from its time to Redis's word to the producer",
    "in Redis, until a worker had fetched and read it",
    "after a run that was not the last, until a worker had read it again",
    "in the worker, for company, although a handler was free",
    "in the worker, while no handler was free",
    "in the handler, as long as its batch",
    "from the handler's end to Redis's word"};

using StageMeans = std::array<double, stage_names.size()>;

/// What one run of one policy at one rate showed. Times in µs, latencies from the intended time to
/// settled.
struct OpenRun {
  std::string policy;
  double rate = 0;             ///< jobs a second, as asked for
  std::size_t repetition = 0;  ///< from 1
  double seconds = 0;          ///< of load
  double offered = 0;          ///< jobs whose time came
  double shed = 0;             ///< not stored or expired
  double done = 0;
  double done_in_time = 0;  ///< while the load lasted
  double within_budget = 0;
  double retried = 0;
  double unfinished = 0;  ///< when the run was ended, a while after its load
  double p50 = 0;         ///< of all offered jobs; infinite when so many did not end
  double p90 = 0;
  double p99 = 0;
  double p999 = 0;
  double mean = 0;  ///< of the jobs that were done
  double mean_batch = 0;
  std::map<std::string, double> left_for;  ///< batches, by reason
  StageMeans stages{};                     ///< per job
  double producer_cpu = 0;
  double redis_cpu = 0;
  double worker_cpu = 0;
  double handler_time = 0;    ///< of all calls together
  double processor_wait = 0;  ///< of these: ready to run, but no processor was free
  double run_p50 = 0;         ///< of a call
  double run_p90 = 0;
  double redis_commands = 0;
  double round_trips = 0;
  double bytes = 0;         ///< both ways, of producer and worker
  double memory_bytes = 0;  ///< resident, of producer, Redis and worker
  double price = 0;         ///< per million jobs
  double late = 0;          ///< jobs sent more than 10 ms late
  double worst_lag = 0;
  bool lagged = false;
  int repeated = 0;  ///< times that it was thrown away, because the generator had lagged
  bool steady = false;
  std::string books;  ///< what does not add up in them; empty = they balance
  LittleCheck little;

  double per_job(double total) const { return done > 0 ? total / done : 0; }
  /// What the verdict is about: how long handlers were taken by their work. What they waited for a
  /// processor is the machine's, which producer, Redis and worker share here. What Ferry itself
  /// needs for a job is in the processor times, in the price, and in how high a rate is kept.
  double worker_time() const { return handler_time - processor_wait; }
  /// A handler that waits still takes its place, and what Ferry needs is paid for too.
  double paid_worker_time() const {
    return worker_time() > worker_cpu ? worker_time() : worker_cpu;
  }
  /// Returns: the stages' part of the whole; 1 when they add up.
  double stages_of_mean() const;
};

/// The part of a row's runs that may have no steady state: a machine has its moments, and medians
/// do not follow one in five.
inline constexpr double tolerated_unsteady = 0.2;

/// One policy at one rate over its repetitions.
struct OpenRow {
  std::string policy;
  double rate = 0;
  std::size_t repetitions = 0;
  bool lagged = false;      ///< one of its runs did not offer its load
  bool unbalanced = false;  ///< the books of one of its runs do not add up
  bool steady = false;      ///< all of them, but for `tolerated_unsteady`
  Spread offered;           ///< jobs a second, like those that follow
  Spread achieved;
  Spread goodput;
  Spread p50;
  Spread p90;
  Spread p99;
  Spread p999;
  Spread mean;
  Spread shed;  ///< jobs a run
  Spread retried;
  Spread mean_batch;
  Spread worker_time;  ///< per job, like those that follow
  Spread producer_cpu;
  Spread redis_cpu;
  Spread worker_cpu;
  Spread redis_commands;
  Spread round_trips;
  Spread bytes;
  Spread price;                              ///< per million jobs
  StageMeans stages{};                       ///< µs a job, on the mean of all runs
  std::map<std::string, double> left_for{};  ///< part of all batches

  /// Its figures are not those of what was asked for, so no others are held against them.
  bool refused() const { return lagged || unbalanced; }
};

/// Returns: one row for each policy and rate that has runs, policies in the order given, then
/// rates.
std::vector<OpenRow> open_rows_of(const std::vector<OpenRun>& runs,
                                  const std::vector<std::string>& policies);

}  // namespace ferry::compare
