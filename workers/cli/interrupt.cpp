#include "cli/interrupt.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

namespace ferry::cli {
namespace {

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t set = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  if (signals_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

Interrupt::~Interrupt() {
  let_through();
  ::close(signals_);
}

void Interrupt::let_through() {
  // One that is pending was heard, or came while the program was ending anyway.
  const sigset_t set = ending_signals();
  const timespec at_once{};
  while (::sigtimedwait(&set, nullptr, &at_once) > 0) {
  }
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool Interrupt::wait(std::chrono::milliseconds at_most) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  while (!asked_) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto timeout = std::clamp<long long>(left.count(), 0, std::numeric_limits<int>::max());
    pollfd watched{signals_, POLLIN, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(timeout));
    if (ready > 0) asked_ = true;
    if (ready == 0) break;
  }
  return asked_;
}

bool Interrupt::wait_readable(int descriptor) {
  while (!asked_) {
    pollfd watched[]{{signals_, POLLIN, 0}, {descriptor, POLLIN, 0}};
    if (::poll(watched, 2, -1) <= 0) continue;
    if (watched[0].revents != 0) asked_ = true;
    if (watched[1].revents != 0 && !asked_) return true;
  }
  return false;
}

}  // namespace ferry::cli
