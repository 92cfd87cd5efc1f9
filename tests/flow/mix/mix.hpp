#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ferry/policy.hpp"

namespace ferry::flow {

enum class Arrivals : std::uint8_t {
  steady,  ///< portion by portion, at times made by chance around the rate
  bursts,  ///< once a second as many as the rate says
  bulk,    ///< all of them in one call
};

/// The jobs of one kind: how long they run, when they may leave, and how they come.
struct MixKind {
  Policy policy = realtime();
  bool per_job = true;          ///< only under `realtime()`: each job is a call of its own
  std::size_t concurrency = 0;  ///< of its own in each worker, 0 = none
  std::chrono::microseconds call_takes{0};  ///< for each call, of any size
  std::chrono::microseconds job_takes{0};   ///< and what each of its jobs adds
  bool spins = false;                       ///< uses a processor for that long; else it sleeps

  std::size_t queue = 0;         ///< index into the mix's queues
  std::size_t batch_keys = 0;    ///< 0 = none
  bool zipf = false;             ///< a few keys have most of the jobs
  std::size_t high_percent = 0;  ///< of the jobs, by priority; the rest is normal
  std::size_t low_percent = 0;
  std::size_t delayed_percent = 0;
  std::chrono::milliseconds delay{0};
  /// Above 0: every job is due at this time of the run, however long storing them took.
  std::chrono::milliseconds all_due_at{0};

  std::size_t payload_bytes = 100;
  bool repetitive = false;              ///< compresses well
  std::size_t compress_from_bytes = 0;  ///< as in ClientOptions
  std::size_t envelope_jobs = 256;      ///< likewise `max_jobs_per_envelope`

  Arrivals arrivals = Arrivals::steady;
  std::size_t jobs = 0;
  double per_second = 0;              ///< without meaning for a bulk
  std::size_t portion = 1;            ///< jobs handed over together when they come steadily
  std::chrono::milliseconds from{0};  ///< when the first may come
  bool stored_first = false;          ///< waits in Redis before any worker starts
};

struct MixWorker {
  std::size_t concurrency = 4;
  /// Above 0: how long each call takes in this worker, of any kind.
  std::chrono::milliseconds call_takes{0};
};

/// A load with everything that an answer depends on, made from a seed or by hand.
struct Mix {
  std::string name;
  std::uint64_t seed = 0;
  std::vector<int> queue_weights{1};
  std::vector<MixWorker> workers{1};
  std::vector<MixKind> kinds;
  std::chrono::milliseconds length{10'000};  ///< in which jobs come
  /// Run until every job is done; else the run ends after `length`.
  bool drains = true;
  /// 0 = the worker's own default, as for the lease.
  std::size_t max_jobs_in_flight = 0;
  std::size_t max_bytes_in_flight = 0;
  std::chrono::milliseconds lease{0};

  std::size_t jobs() const;
  std::size_t handlers() const;
};

inline constexpr std::size_t most_kinds = 8;

/// Returns: the name of a mix's queue.
std::string queue_name(std::size_t queue);

/// Returns: how many jobs a call of the kind will have on average, as far as the rate and the
/// policy say.
double expected_batch(const MixKind& kind, std::size_t workers);

/// Returns: handler time that a job of the kind takes on average, its part of the call included.
double seconds_a_job(const MixKind& kind, std::size_t workers);

/// Returns: the share of the handlers' time that the mix asks for; above 1 it is overloaded.
double load_of(const Mix& mix);

/// Returns: the processors that kinds of less than a millisecond a job ask for together.
double short_jobs_load(const Mix& mix);

}  // namespace ferry::flow
