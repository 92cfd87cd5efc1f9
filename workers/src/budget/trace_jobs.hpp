#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "budget/tail.hpp"

namespace ferry::budget {

/// The jobs of a trace that were done.
struct TraceJobs {
  std::string worker;
  std::uint64_t one_job_in = 1;  ///< the share of the jobs that was sampled
  std::vector<JobTimes> jobs;
  std::size_t others = 0;  ///< attempts that were retried, buried or not settled
};

/// Reads what `WorkerOptions::trace_file` has written.
///
/// Errors: `invalid_argument` with what is wrong with the text.
TraceJobs jobs_of_trace(std::string_view text);

}  // namespace ferry::budget
