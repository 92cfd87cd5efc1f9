#pragma once

#include <cstdint>
#include <cstring>

#include "ferry/job.hpp"

namespace ferry::detail {

/// Chooses jobs by their id alone, so that every attempt of a job is chosen, or none; halving
/// leaves a subset of what was chosen before.
///
/// Source: consistent sampling,
/// https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
struct Sample {
  std::uint64_t mask = 0;

  bool has(const JobId& id) const { return (hash(id) & mask) == 0; }
  Sample halved() const { return {mask << 1U | 1U}; }

  /// Ids of a bulk follow each other: all bits have to count.
  static std::uint64_t hash(const JobId& id) {
    std::uint64_t halves[2];
    std::memcpy(halves, id.bytes.data(), sizeof halves);
    std::uint64_t mixed = halves[0] * 0x9e3779b97f4a7c15U ^ halves[1];
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }
};

}  // namespace ferry::detail
