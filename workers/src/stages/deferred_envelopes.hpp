#pragma once

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "stages/inflated_memory.hpp"
#include "stages/leased_envelope.hpp"
#include "wire/promised_bytes.hpp"

namespace ferry::detail {

/// Envelopes that cannot be decoded before others have given back what they inflated to.
///
/// Threads: `take_memory` from one thread at a time; the others from any.
class DeferredEnvelopes {
 public:
  explicit DeferredEnvelopes(std::size_t most_bytes) : inflated_(most_bytes) {}

  /// Returns: whether there is memory for what the envelope inflates to; if not, it is kept here.
  bool take_memory(const EnvelopePtr& envelope) {
    if (!envelope->may_inflate) return true;
    const std::size_t bytes = wire::promised_bytes(envelope->bytes);
    if (bytes == 0) return true;
    envelope->inflated = inflated_.take(bytes);
    if (envelope->inflated != nullptr) return true;
    const std::lock_guard lock(mutex_);
    deferred_.push_back(envelope);
    return false;
  }

  /// Lets those that are kept try again, unless `close` was called.
  template <typename Arrive>
  void retry(Arrive arrive) {
    const std::lock_guard deciding(deciding_);
    if (closed_) return;
    std::vector<EnvelopePtr> again;
    {
      const std::lock_guard lock(mutex_);
      again.swap(deferred_);
    }
    if (!again.empty()) arrive(std::move(again));
  }

  /// From now on they belong to whoever releases them.
  void close() {
    const std::lock_guard deciding(deciding_);
    closed_ = true;
  }

 private:
  InflatedMemory inflated_;
  std::mutex mutex_;
  std::vector<EnvelopePtr> deferred_;  ///< under `mutex_`
  std::mutex deciding_;                ///< held while they arrive again
  bool closed_ = false;                ///< under `deciding_`
};

}  // namespace ferry::detail
