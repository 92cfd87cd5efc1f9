#pragma once

#include <chrono>

namespace ferry::cli {

/// Turns Ctrl-C and SIGTERM into something to look at between two steps; while it lives, they do
/// not end the program. Make it before any thread starts.
///
/// Threads: one thread at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// Returns: whether the program should end; at once then, else after `at_most`.
  bool wait(std::chrono::milliseconds at_most);

  /// Waits until the descriptor can be read.
  ///
  /// Returns: false when the program should end.
  bool wait_readable(int descriptor);

  /// From now on a signal ends the program: for whoever presses Ctrl-C a second time.
  void let_through();

 private:
  int signals_ = -1;
  bool asked_ = false;
};

}  // namespace ferry::cli
