#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace ferry::flow {

/// One run of one job, appended by its worker when the handler has ended. Times are those of
/// CLOCK_MONOTONIC, which all processes of the machine share.
struct RunRecord {
  std::uint64_t number = 0;
  std::uint64_t call = 0;  ///< counted in its worker
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
  std::uint32_t jobs = 0;  ///< in the call
  std::uint32_t kind = 0;
};

/// What a worker says of itself, written over and over. `most` is since it started.
struct WorkerNote {
  std::int64_t ready = 0;  ///< 1 once it has asked Redis for jobs
  std::int64_t done = 0;
  std::int64_t fetched_jobs = 0;
  std::int64_t fetched_envelopes = 0;
  std::int64_t batches = 0;
  std::int64_t retried = 0;
  std::int64_t failed = 0;
  std::int64_t expired = 0;
  std::int64_t released = 0;
  std::int64_t postponed = 0;
  std::int64_t stale = 0;
  std::int64_t promoted_jobs = 0;
  std::int64_t reclaimed_envelopes = 0;
  std::int64_t given_back = 0;
  std::int64_t set_aside = 0;
  std::int64_t jobs_out = 0;
  std::int64_t most_jobs_out = 0;
  std::int64_t credits_off = 0;  ///< looks at which out and free were not the total
};

static_assert(sizeof(RunRecord) == 40 && sizeof(WorkerNote) == 144, "records without holes");

inline std::int64_t monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Returns: the whole records of a file; none when there is no such file yet.
template <typename Record>
std::vector<Record> read_records(const std::string& path) {
  std::error_code missing;
  const std::uintmax_t bytes = std::filesystem::file_size(path, missing);
  if (missing) return {};
  std::vector<Record> all(bytes / sizeof(Record));
  std::ifstream in(path, std::ios::binary);
  in.read(reinterpret_cast<char*>(all.data()),
          static_cast<std::streamsize>(all.size() * sizeof(Record)));
  if (!in) throw std::runtime_error("cannot read " + path);
  return all;
}

}  // namespace ferry::flow
