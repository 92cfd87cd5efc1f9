#pragma once

#include <map>
#include <string>

#include "model/twin.hpp"

namespace ferry::model {

/// Where a job is that is neither done, expired nor cancelled.
enum class Place { waiting, leased, delayed, dead };

/// The jobs of small envelopes that are stored and not settled, by their numbers.
std::multimap<std::int64_t, Place> open_jobs(const Twin& twin);

/// What must hold at every instant, whatever happened: the books agree with what is stored, each
/// job is in one place, and whatever was delivered can be reclaimed.
///
/// Returns: what does not hold, or nothing.
std::string violation(const Twin& twin);

}  // namespace ferry::model
