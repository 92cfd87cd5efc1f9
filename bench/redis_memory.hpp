#pragma once

#include <cstdint>

#include "load.hpp"

namespace ferry::bench {

/// What a load that waits costs Redis.
struct RedisMemory {
  std::int64_t grown_bytes = 0;   ///< by how much used_memory grew
  std::size_t payload_bytes = 0;  ///< packed, before compression
};

/// Hands a load over to a server of its own and asks Redis how much memory it takes, all of it:
/// MEMORY USAGE of the keys would leave out what the allocator rounds up and what belongs to no
/// key. Connections have buffers, so the producer is gone both times.
///
/// Errors: `Failure` when the producer's connection does not end.
RedisMemory memory_of(const Load& load);

}  // namespace ferry::bench
