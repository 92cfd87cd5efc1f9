#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ferry/job.hpp"
#include "ferry/worker.hpp"

namespace ferry::detail {

struct StreamAt {
  std::uint32_t queue = 0;
  Priority priority = Priority::normal;

  bool operator==(const StreamAt&) const = default;
};

struct Fetch {
  std::vector<StreamAt> streams;  ///< empty: there is nothing to ask
  std::size_t count = 0;          ///< from each stream
  bool block = false;             ///< whether it may wait: every stream that is not paused is asked
};

/// Decides which streams the next XREADGROUP asks.
///
/// A stream is believed to have more when its last answer was full. Within a queue those below such
/// a stream are not asked. Between queues, strict order goes on with the same rule along the list;
/// weighted order lets one of the queues that have more take its turn, by smooth weighted round
/// robin, and asks along whatever is believed empty above such a stream, since that costs nothing.
///
/// Threads: one thread at a time.
/// Source: smooth weighted round robin as in nginx (ngx_http_upstream_round_robin.c).
class FetchPlan {
 public:
  /// One weight for each queue, 1..1000, in the order of the worker's queues.
  FetchPlan(std::vector<int> weights, QueueOrder order);

  /// Takes the next turn. `room`: for how many; those that each stream may bring are the `count`.
  Fetch next(std::size_t room);

  /// The streams of a fetch, apart: those believed empty, and those with more. What waits in the
  /// second must not wait behind the first, so that one blocks only where it is alone.
  struct Parts {
    Fetch others;
    Fetch more;
  };
  Parts split(const Fetch& fetch) const;

  /// What a fetch found: envelopes from each stream, in its order. A fetch that failed is not
  /// reported.
  void report(const Fetch& fetch, std::span<const std::size_t> found);

  void pause(std::uint32_t queue, bool paused);
  bool all_paused() const;
  /// Whether a stream that is not paused is believed to have more.
  bool any_more() const;

 private:
  struct QueueState {
    int weight = 1;
    int balance = 0;  ///< of the round robin
    bool paused = false;
    std::array<bool, priority_count> has_more{};

    bool any_more() const;
  };

  std::uint32_t take_turn();
  /// Returns: whether the stream at which asking had to end was met.
  bool ask(std::uint32_t queue, bool with_backlog, Fetch& fetch) const;

  std::vector<QueueState> queues_;
  QueueOrder order_;
};

}  // namespace ferry::detail
