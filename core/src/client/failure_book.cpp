#include "client/failure_book.hpp"

#include <algorithm>
#include <utility>

namespace ferry::detail {

void FailureBook::count(const std::string& queue, std::size_t jobs, const SharedError& error,
                        Clock::time_point now) {
  if (unsaid_ == 0) {
    first_queue_ = queue;
    first_ = error;
    since_ = now;
  }
  unsaid_ += jobs;
}

void FailureBook::add_each(const std::string& queue, std::vector<Cargo::Named> jobs,
                           const SharedError& error) {
  for (Cargo::Named& job : jobs) {
    news_.jobs.push_back({job.id, queue, std::move(job.kind), error});
  }
}

void FailureBook::thrown() {
  if (unsaid_ > 0) --unsaid_;
}

void FailureBook::away(const std::string& reason, std::chrono::milliseconds block_timeout,
                       Clock::time_point now) {
  if (std::exchange(is_away_, true) || now < away_quiet_until_) return;
  away_quiet_until_ = now + connection_silence;
  news_.lines.push_back(reason + "; " +
                        (block_timeout.count() == 0
                             ? std::string("each job is tried once (block_timeout is 0)")
                             : "trying again, up to " + std::to_string(block_timeout.count()) +
                                   " ms (block_timeout) for each job"));
}

FailureBook::Clock::time_point FailureBook::line_due() const {
  if (unsaid_ == 0) return Clock::time_point::max();
  return std::max(since_ + gathering, quiet_until_);
}

FailureBook::News FailureBook::take(Clock::time_point now, bool closing) {
  if (unsaid_ > 0 && (closing || now >= line_due())) {
    const std::string jobs = unsaid_ == 1 ? "1 job was" : std::to_string(unsaid_) + " jobs were";
    news_.lines.push_back(jobs + " not accepted; " + (unsaid_ == 1 ? "it was" : "the first was") +
                          " for queue \"" + first_queue_ + "\": " + first_->what());
    unsaid_ = 0;
    quiet_until_ = now + silence;
  }
  return std::exchange(news_, {});
}

}  // namespace ferry::detail
