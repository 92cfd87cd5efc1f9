#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "batching/batcher.hpp"

namespace ferry::detail {

using namespace std::chrono_literals;

inline constexpr Time start = Time{} + 1h;

/// What a job has besides its kind and its time.
struct More {
  std::string_view key = "";
  std::uint32_t bytes = 100;
  Priority priority = Priority::normal;
  Suspect suspect = Suspect::no;
};

/// Drives a batcher by hand; tokens count up from 0.
class BatcherFixture : public testing::Test {
 protected:
  void make(std::vector<KindSettings> kinds, std::size_t total = 8) {
    batcher_.emplace(std::move(kinds), total);
  }

  Batcher& batcher() { return *batcher_; }

  std::uint64_t arrive(std::uint32_t kind, Time at, More more = {}) {
    batcher_->arrive({kind, more.key, JobRef{arrived_, 7}, more.bytes,
                      static_cast<std::uint8_t>(more.priority), more.suspect, at});
    return arrived_++;
  }

  void arrive_many(std::uint32_t kind, std::size_t jobs, Time at, More more = {}) {
    for (std::size_t i = 0; i < jobs; ++i) arrive(kind, at, more);
  }

  static std::vector<std::uint64_t> tokens(const Departure& departure) {
    std::vector<std::uint64_t> list;
    for (const JobRef& job : departure.jobs) list.push_back(job.token);
    return list;
  }

  /// Sizes of all that leaves at this moment.
  std::vector<std::size_t> sizes(Time now) {
    std::vector<std::size_t> list;
    while (auto departure = batcher_->next(now)) list.push_back(departure->jobs.size());
    return list;
  }

 private:
  std::optional<Batcher> batcher_;
  std::uint64_t arrived_ = 0;
};

using Tokens = std::vector<std::uint64_t>;
using Sizes = std::vector<std::size_t>;

}  // namespace ferry::detail
