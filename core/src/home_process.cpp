#include "home_process.hpp"

#include <pthread.h>
#include <unistd.h>

#include <cstdio>

namespace ferry::detail {
namespace {

/// Of this process: both change in a child, before it goes on. Trivial, so that they can still be
/// read while the process ends.
constinit std::atomic<unsigned> forks_seen = 0;
constinit std::atomic<pid_t> own_pid = 0;

void note_fork() {
  forks_seen.fetch_add(1, std::memory_order_relaxed);
  own_pid.store(::getpid(), std::memory_order_relaxed);
}

void watch_forks() {
  [[maybe_unused]] static const int watched = [] {
    own_pid.store(::getpid(), std::memory_order_relaxed);
    return ::pthread_atfork(nullptr, nullptr, &note_fork);
  }();
}

}  // namespace

std::atomic<unsigned>& HomeProcess::forks() { return forks_seen; }

HomeProcess::HomeProcess() {
  watch_forks();
  forks_ = forks_seen.load(std::memory_order_relaxed);
  pid_ = own_pid.load(std::memory_order_relaxed);
}

Error HomeProcess::refusal(const Thing& thing) const {
  std::string message(thing.name);
  message += " was made by process " + std::to_string(pid_) + " and is used in process " +
             std::to_string(::getpid()) + ", after a fork: ";
  message += thing.advice;
  return Error(ErrorCode::stopped, message);
}

bool HomeProcess::says_left(const Thing& thing) const {
  if (!is_left()) return false;
  const std::string line = std::string("ferry: ") + refusal(thing).what() + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  return true;
}

}  // namespace ferry::detail
