#pragma once

#include <algorithm>
#include <cstddef>

namespace ferry::detail {

/// Jobs that the local buffer holds, and the bytes of their payloads.
struct Held {
  std::size_t jobs = 0;
  std::size_t bytes = 0;
};

/// What a job for one queue finds in the local buffer.
struct BufferView {
  Held all{};
  Held held_back{};           ///< of them, those for queues that were full at their last call
  Held own{};                 ///< of them, those for the job's own queue
  bool several = false;       ///< the client has other queues as well
  bool is_held_back = false;  ///< the job's own queue
};

/// Decides whether the local buffer takes one more job.
///
/// Half of it is kept for the queues that Redis takes jobs for, where there are several: what is
/// held back counts for half of it at most, and grows only up to that. It may hold more, for all is
/// taken in until Redis answers; then the buffer is half as large again.
///
/// Threads: any; it has no state.
class BufferRoom {
 public:
  explicit BufferRoom(Held most) : most_(most) {}

  bool takes(const BufferView& view, std::size_t bytes) const {
    if (view.all.jobs == 0) return true;
    Held counted = view.all;
    const Held half{most_.jobs / 2, most_.bytes / 2};
    if (view.several && view.is_held_back) {
      // One job of a queue may always wait, however small the buffer is.
      const bool above_half =
          view.held_back.jobs >= half.jobs || view.held_back.bytes + bytes > half.bytes;
      if (above_half && view.own.jobs > 0) return false;
    } else if (view.several) {
      counted.jobs -= view.held_back.jobs - std::min(view.held_back.jobs, half.jobs);
      counted.bytes -= view.held_back.bytes - std::min(view.held_back.bytes, half.bytes);
    }
    return counted.jobs < most_.jobs && counted.bytes + bytes <= most_.bytes;
  }

 private:
  Held most_;
};

}  // namespace ferry::detail
