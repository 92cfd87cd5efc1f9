#pragma once

#include <cstdint>
#include <string>

#include "ferry/queue.hpp"

namespace ferry::compare {

/// Holds what a producer and a worker say of a run against what Redis has of it, after both have
/// ended.
///
/// `stored`: jobs the producer was told are stored. `done`: jobs the worker was told are done.
/// Returns: what does not add up, in one sentence; empty when all does.
std::string wrong_in_books(const AuditReport& audit, std::int64_t stored, std::int64_t done);

}  // namespace ferry::compare
