#include "compare/interrupts.hpp"

#include <ctime>

namespace ferry::compare {

Interrupts::Interrupts() {
  sigemptyset(&watched_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&watched_, signal);
  pthread_sigmask(SIG_BLOCK, &watched_, &before_);
}

Interrupts::~Interrupts() {
  // Who interrupts a group of processes may signal each member twice: what has come since the one
  // that was looked at asks for nothing new, and let through it would end the program on its way
  // out, before it says why.
  const timespec at_once{};
  while (sigtimedwait(&watched_, nullptr, &at_once) > 0) {
  }
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Interrupts::sleep(std::chrono::microseconds time) const {
  const timespec wait{.tv_sec = time.count() / 1'000'000,
                      .tv_nsec = time.count() % 1'000'000 * 1000};
  const int signal = sigtimedwait(&watched_, nullptr, &wait);
  if (signal > 0) throw Interrupted{signal};
}

}  // namespace ferry::compare
