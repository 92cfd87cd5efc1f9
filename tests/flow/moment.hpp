#pragma once

#include <chrono>

namespace ferry::flow {

/// A point in time, counted from the beginning of a run.
using Moment = std::chrono::nanoseconds;

inline double ms_of(Moment time) { return static_cast<double>(time.count()) / 1e6; }
inline double seconds_of(Moment time) { return static_cast<double>(time.count()) / 1e9; }
inline Moment of_seconds(double seconds) { return Moment{static_cast<Moment::rep>(seconds * 1e9)}; }

}  // namespace ferry::flow
