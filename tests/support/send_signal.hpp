#pragma once

#include <signal.h>

#include <stdexcept>

namespace ferry::test {

/// `kill` for one process. A pid of -1, as of a process that was never started, would reach every
/// process of the machine.
///
/// Errors: std::logic_error when it is not the pid of one process.
inline void send_signal(pid_t pid, int number) {
  if (pid <= 0) throw std::logic_error("a signal to a process that is not there");
  ::kill(pid, number);
}

}  // namespace ferry::test
