#pragma once

#include <span>

namespace ferry::plan {

/// What something takes per job when jobs travel together: `per_job + per_batch / size`.
struct PerJob {
  double per_batch = 0;
  double per_job = 0;

  double at(double size) const { return per_job + per_batch / size; }
};

/// What so many jobs took each, at a mean size of their batches.
struct PerJobSample {
  double size = 1;
  double value = 0;
  double jobs = 1;  ///< how much it weighs
};

/// The line through the samples over 1 / size, by least squares; neither part below zero. When all
/// have about the same size, everything counts as `per_job`: nothing is known that a batch would
/// save.
///
/// Source: weighted linear regression; the mean of `fixed + per_job · size` over batches depends on
/// their mean size alone, so a run of mixed sizes tells as much as one of equal ones.
PerJob fit_per_job(std::span<const PerJobSample> samples);

/// Returns: whether sizes differ enough to tell what a batch costs from what a job costs.
bool sizes_differ(std::span<const PerJobSample> samples);

}  // namespace ferry::plan
