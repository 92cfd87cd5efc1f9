#pragma once

#include <cstdint>
#include <optional>

#include "ferry/queue.hpp"
#include "functions/keys.hpp"
#include "functions/queue_calls.hpp"
#include "redis/connection.hpp"

namespace ferry::detail {

/// What lies in a queue at one instant.
struct FoundAtOnce {
  std::int64_t leased = 0;
  std::int64_t waiting = 0;
  std::int64_t delayed = 0;
  std::int64_t dead = 0;
  std::int64_t bytes = 0;  ///< of all but the dead
};

AuditReport report_of(const BooksReply& books, const FoundAtOnce& found);

/// Compares the books with what is stored in one transaction, so that nothing moves meanwhile.
///
/// Units: at most 5,000 envelopes and 4 MiB, for Redis serves nobody meanwhile.
/// Returns: nothing where the queue holds more, a key cannot be read, or the user has no right to
/// transactions.
std::optional<AuditReport> look_at_once(redis::Connection& connection, const Keys& keys);

}  // namespace ferry::detail
