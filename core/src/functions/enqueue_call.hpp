#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/client_options.hpp"
#include "functions/keys.hpp"
#include "redis/reply.hpp"

namespace ferry {

/// One envelope on its way into a queue.
struct OutgoingEnvelope {
  Priority priority = Priority::normal;
  std::chrono::milliseconds run_after{0};
  std::string_view bytes;
  std::size_t jobs = 0;
};

/// Builds `FCALL ferry_v1_enqueue` for one queue; its buffers are used again with every call.
///
/// All three streams are declared, used or not: the oldest age then speaks of the whole queue.
///
/// Source: enqueue.lua.
class EnqueueCall {
 public:
  EnqueueCall(const Keys& keys, const QueueLimits& limits);

  /// Returns: the arguments; views into this object and into `envelopes`, until the next call.
  std::span<const std::string_view> arguments(std::string_view producer, std::int64_t sequence,
                                              std::span<const OutgoingEnvelope> envelopes);

 private:
  std::vector<std::string> keys_;
  std::string max_jobs_;
  std::string max_bytes_;
  std::string max_age_ms_;
  std::string sequence_;
  std::vector<std::string> delays_;
  std::vector<std::string_view> arguments_;
};

/// What Redis said to an enqueue.
struct EnqueueReply {
  enum class Kind : std::uint8_t { ok, dup, gap, full, error, unknown };

  Kind kind = Kind::unknown;
  std::int64_t depth_jobs = 0;
  std::int64_t depth_bytes = 0;
  std::chrono::milliseconds oldest_age{0};
  std::chrono::milliseconds retry_after{0};  ///< of full
  std::int64_t last_sequence = 0;            ///< of gap
  /// Of error and unknown what is wrong, of ok, dup and full the hints: see EnvelopeSizes.
  std::string text;
};

EnqueueReply read_enqueue_reply(const redis::Reply& reply);

}  // namespace ferry
