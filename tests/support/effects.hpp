#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "ferry/job.hpp"
#include "ferry/queue.hpp"

namespace ferry::test {

/// A job whose effect is to be counted.
struct Task {
  static constexpr std::string_view kind = "task";
  int number = 0;
  std::string text{};
  MSGPACK_DEFINE_MAP(number, text)
};

/// How often each task was run by handlers of this process.
///
/// Threads: any.
class Effects {
 public:
  void add(int number) {
    const std::lock_guard lock(mutex_);
    ++times_[number];
  }
  std::map<int, int> read() const {
    const std::lock_guard lock(mutex_);
    return times_;
  }
  int of(int number) const {
    const std::lock_guard lock(mutex_);
    const auto at = times_.find(number);
    return at == times_.end() ? 0 : at->second;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return times_.size();
  }
  /// Returns: tasks that were run more than once.
  std::size_t repeated() const {
    const auto times = read();
    return static_cast<std::size_t>(
        std::ranges::count_if(times, [](const auto& task) { return task.second > 1; }));
  }

 private:
  mutable std::mutex mutex_;
  std::map<int, int> times_;
};

/// The end of every fault test: each job that was accepted is settled, none is lost, none was
/// stored twice, the books balance.
inline void expect_books_closed(Queue& queue, std::int64_t accepted, std::int64_t dead = 0) {
  const AuditReport audit = queue.audit();
  const QueueCounts& counts = audit.counts;
  EXPECT_EQ(counts.accepted, accepted) << "a larger number: enqueued twice";
  EXPECT_EQ(counts.done, accepted - dead);
  EXPECT_EQ(counts.dead, dead);
  EXPECT_EQ(counts.waiting + counts.leased + counts.delayed, 0) << "left over";
  EXPECT_EQ(counts.expired + counts.cancelled, 0);
  EXPECT_THAT(audit.violations, testing::IsEmpty());
}

}  // namespace ferry::test
