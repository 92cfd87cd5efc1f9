#pragma once

#include <filesystem>

namespace ferry::compare {

/// Stands in the file of every program that calls `experiment_main`, so that `ferry compare` can
/// tell one without running it.
inline constexpr const char* marker = "ferry experiment program, version 1";

/// Looks for the marker, or for the call of a shared library's `experiment_main`.
///
/// Returns: false also for what cannot be read.
bool is_experiment_program(const std::filesystem::path& program);

}  // namespace ferry::compare
