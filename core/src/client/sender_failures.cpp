#include <cstdio>
#include <utility>

#include "client/sender.hpp"

namespace ferry::detail {
namespace {

/// The client whose callback this thread is in: that callback must not wait for its own client.
constinit thread_local const Sender* calling_back = nullptr;

void say_on_stderr(const std::string& line) {
  const std::string whole = "ferry: " + line + "\n";
  std::fwrite(whole.data(), 1, whole.size(), stderr);
}

}  // namespace

Sender::CallingBack::CallingBack(const Sender* sender)
    : before_(std::exchange(calling_back, sender)) {}
Sender::CallingBack::~CallingBack() { calling_back = before_; }

void Sender::require_usable() const {
  require_home();
  if (calling_back != this) return;
  throw Error(
      ErrorCode::invalid_argument,
      "a callback of this client (on_failed, on_loss, on_warning) must not enqueue or flush "
      "with it, for it would wait for itself: hand the job to another thread or client");
}

void Sender::require_home() const {
  home_.require("this client", "make a new client in the new process");
}

void Sender::note_failed(const std::string& queue, std::size_t jobs, const SharedError& error) {
  if (jobs == 0) return;
  stats_.failed_jobs += jobs;
  const bool first = failures_.line_due() == Clock::time_point::max();
  failures_.count(queue, jobs, error, Clock::now());
  // The sending thread tells it in time, whoever sends now.
  if (first) work_.notify_one();
}

/// Calls the callbacks, from one thread at a time and without the lock: what is added meanwhile is
/// told by the same thread.
void Sender::tell(Lock& lock, bool closing) {
  if (telling_) return;
  telling_ = true;
  while (true) {
    const FailureBook::News news = failures_.take(Clock::now(), closing);
    if (news.empty()) break;
    lock.unlock();
    tell(news);
    lock.lock();
  }
  telling_ = false;
}

void Sender::tell(const FailureBook::News& news) const {
  const CallingBack here(this);
  const auto call = [](const auto& callback, const auto& what) {
    try {
      callback(what);
    } catch (...) {
      // A callback that throws must not stop the sending of everybody's jobs.
    }
  };
  for (const FailedJob& job : news.jobs) call(options_.on_failed, job);
  for (const std::string& line : news.lines) {
    if (options_.on_warning) {
      call(options_.on_warning, std::string_view(line));
    } else {
      say_on_stderr(line);
    }
  }
}

}  // namespace ferry::detail
