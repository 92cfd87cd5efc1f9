#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "client/cargo.hpp"
#include "ferry/client_options.hpp"

namespace ferry::detail {

/// What is still to be told of jobs that were not accepted: each of them to `on_failed`, and now
/// and then one line about those that no call has thrown for. Pure, no I/O.
///
/// Threads: one thread at a time.
class FailureBook {
 public:
  using Clock = std::chrono::steady_clock;
  using SharedError = std::shared_ptr<const Error>;

  /// A line waits so long for the failures that belong to it.
  static constexpr auto gathering = std::chrono::seconds{1};
  /// At most one line about failures in this time, and one about connections.
  static constexpr auto silence = std::chrono::seconds{60};
  static constexpr auto connection_silence = std::chrono::seconds{10};

  struct News {
    std::vector<FailedJob> jobs;
    std::vector<std::string> lines;
    bool empty() const { return jobs.empty() && lines.empty(); }
  };

  void count(const std::string& queue, std::size_t jobs, const SharedError& error,
             Clock::time_point now);
  void add_each(const std::string& queue, std::vector<Cargo::Named> jobs, const SharedError& error);
  /// The last of those counted was told by an exception.
  void thrown();

  /// Redis could not be reached; told once, until it was.
  void away(const std::string& reason, std::chrono::milliseconds block_timeout,
            Clock::time_point now);
  void reached() { is_away_ = false; }

  /// Returns: when the next line about failures is due; `max` = none.
  Clock::time_point line_due() const;
  /// Returns: whether there is something to tell at once.
  bool has_news() const { return !news_.empty(); }
  /// Takes out what is to be told now; when the client is closed, all.
  News take(Clock::time_point now, bool closing);

 private:
  News news_;
  std::size_t unsaid_ = 0;
  std::string first_queue_;
  SharedError first_;
  Clock::time_point since_;  ///< of the first that is unsaid
  Clock::time_point quiet_until_{};
  bool is_away_ = false;
  Clock::time_point away_quiet_until_{};
};

}  // namespace ferry::detail
