#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ferry::compare {

/// How many jobs were in the system at a moment.
struct Sample {
  double seconds = 0;  ///< since the start of the load
  double jobs = 0;
};

enum class Little : std::uint8_t {
  holds,    ///< within 5 %
  broken,   ///< something was counted wrong
  unknown,  ///< too few samples for how much they vary, or jobs that did not end
};

std::string_view to_string(Little little);

/// A run's own check of its figures: jobs in the system on the mean, sampled, against the rate of
/// arrivals times their mean time in it, measured by the worker.
///
/// Source: Little, "A proof for the queuing formula L = λW", 1961.
struct LittleCheck {
  double sampled = 0;   ///< L
  double expected = 0;  ///< λW
  double doubt = 0;     ///< the standard error of L
  Little result = Little::unknown;
};

/// `samples` in order, from the start until the last job has ended; at most one part in twenty may
/// lie between L and λW, and the samples and at least a hundred jobs have to be good enough to
/// tell. `unsure_seconds`: how much longer or shorter than the mean jobs may have been in the
/// system, for Redis counts a job as done a little before the worker hears of it.
LittleCheck check_little(std::span<const Sample> samples, double arrivals_per_second,
                         double mean_seconds, double unsure_seconds = 0);

/// Whether more jobs were in the system towards the end than there were at first, by more than
/// chance and a 33rd of all jobs: then the figures describe how long the run was, not the setting.
///
/// `samples` from the start to the end of `seconds` of load with so many `offered` jobs.
bool grew(std::span<const Sample> samples, double seconds, double offered);

}  // namespace ferry::compare
