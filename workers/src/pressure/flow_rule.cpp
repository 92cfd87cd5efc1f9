#include "pressure/flow_rule.hpp"

#include <algorithm>

namespace ferry::detail {

using std::chrono::nanoseconds;

namespace {

/// Returns: how much longer than they wait for company the jobs of a kind keep the handlers.
nanoseconds too_much_taken(const KindLoad& kind, std::size_t handlers) {
  const auto count = static_cast<nanoseconds::rep>(std::min(handlers, kind.allowed));
  const nanoseconds takes = kind.each() *
                            static_cast<nanoseconds::rep>(kind.runs() + kind.held_runs()) /
                            std::max(count, nanoseconds::rep{1});
  return takes > kind.linger ? takes - kind.linger : nanoseconds{0};
}

}  // namespace

FlowState flow_of(std::span<const KindLoad> kinds, std::size_t handlers, const MeanPace& mean,
                  double stays) {
  handlers = std::max<std::size_t>(1, handlers);
  FlowState state;
  nanoseconds waiting{0};
  nanoseconds running_time{0};
  std::size_t running = 0;
  bool any_ready = false;
  nanoseconds too_much{0};
  bool any_grows = false;
  for (const KindLoad& kind : kinds) {
    const std::size_t next = kind.allowed * kind.jobs_of_run();
    // Behind the next runs, jobs wait for others of their key meanwhile.
    const bool apart = kind.limited || kind.grows;
    const std::size_t blocked = apart ? kind.ready - std::min(kind.ready, next) : 0;
    any_grows = any_grows || kind.grows;
    state.not_in_hand += kind.held + blocked;
    running += kind.running;
    const bool here = kind.ready + kind.held + kind.running > 0;
    state.all_fast = state.all_fast && (kind.fast || !here);
    if (kind.fast) continue;
    too_much += too_much_taken(kind, handlers);
    running_time += kind.per_run * static_cast<nanoseconds::rep>(kind.running);
    const std::size_t free = kind.allowed - std::min(kind.allowed, kind.running);
    // As many runs as full batches would be: jobs that come still join those of their key.
    const std::size_t full = (kind.ready + kind.batch - 1) / kind.batch;
    const std::size_t can_run = kind.limited ? std::min(full, free) : full;
    any_ready = any_ready || can_run > 0;
    waiting += kind.each() * static_cast<nanoseconds::rep>(can_run);
  }
  const bool all_busy = running >= handlers;
  if (all_busy || any_ready) {
    const nanoseconds residual = all_busy && running > 0
                                     ? running_time / static_cast<nanoseconds::rep>(running)
                                     : nanoseconds{0};
    state.start_delay = (waiting + residual) / static_cast<nanoseconds::rep>(handlers);
  }
  state.may_fetch = state.start_delay < soon || any_grows;
  if (mean.per_job() >= KindPace::fast) {
    state.is_ahead = too_much >= soon || state.start_delay >= soon;
    const auto in_time = std::max<std::size_t>(1, static_cast<std::size_t>(soon / mean.per_job()));
    const std::size_t each = state.is_ahead ? in_time : std::max(mean.fit(), in_time);
    state.at_once = static_cast<std::size_t>(static_cast<double>(handlers * each) / stays);
  }
  return state;
}

std::size_t most_kept(const KindLoad& kind, std::size_t most) {
  const auto per_job = std::max<nanoseconds::rep>(1, kind.per_job.count());
  const auto in_time = static_cast<std::size_t>(nanoseconds(kept_for).count() / per_job);
  const std::size_t runs = 2 * kind.allowed * kind.batch;
  const std::size_t least = std::min<std::size_t>(16, std::max(most, kind.allowed));
  return std::clamp(std::max(kind.allowed * in_time, runs), least, std::max(least, most));
}

}  // namespace ferry::detail
