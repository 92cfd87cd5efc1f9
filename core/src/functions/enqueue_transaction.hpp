#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "functions/enqueue_call.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"

namespace ferry {

/// Returns: whether this user may send transactions. One refused in part would not be one, so ask
/// before the first.
bool may_transact(redis::Connection& connection);

/// Stores large envelopes of one priority without showing their bytes to Lua: a transaction of
/// `ferry_v1_open` and plain XADDs. Its checks and its replies are those of EnqueueCall.
///
/// Threads: one thread at a time.
/// Source: enqueue.lua, ferry_v1_open.
class EnqueueTransaction {
 public:
  EnqueueTransaction(const Keys& keys, const QueueLimits& limits);

  /// Returns: whether it can store these envelopes, and is cheaper than the function that takes
  /// them as arguments.
  static bool suits(std::span<const OutgoingEnvelope> envelopes);

  /// Queues it on the connection; the envelopes must live until `flush`.
  void append(redis::Connection& connection, std::string_view producer, std::int64_t sequence,
              std::span<const OutgoingEnvelope> envelopes);

  /// Waits for the replies to a transaction of so many envelopes.
  static EnqueueReply read(redis::Connection& connection, std::size_t envelopes);

 private:
  const Keys keys_;
  const std::string max_jobs_;
  const std::string max_bytes_;
  const std::string max_age_ms_;
};

}  // namespace ferry
