#pragma once

#include <cstddef>
#include <vector>

#include "blob.hpp"

namespace ferry::bench {

/// Makes jobs whose bodies are JSON records of a service's log: times, ids and addresses that never
/// come again, names that do, and a sentence put together from words. The same each time.
///
/// A body has some 350 characters. Two neighbours share their field names and little else, so that
/// what compression gains is what it gains on such records, not on one record repeated.
std::vector<Blob> records(std::size_t count);

/// Units: bytes of the packed form of a record, on average; for a limit of equal size.
inline constexpr std::size_t record_payload_bytes = 361;

}  // namespace ferry::bench
