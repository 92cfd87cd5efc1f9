#pragma once

#include <signal.h>

#include <chrono>

namespace ferry::compare {

/// Ctrl-C, as an exception: so that children are ended and keys removed on the way out.
struct Interrupted {
  int signal = 0;
};

/// Holds back INT, TERM and HUP while it lives; they are looked at in `sleep`, and those that come
/// after the last look end with it.
///
/// Threads: make it in the main thread, before other threads exist.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// Errors: throws `Interrupted` when such a signal has come or comes meanwhile.
  void sleep(std::chrono::microseconds time) const;

 private:
  sigset_t watched_{};
  sigset_t before_{};
};

}  // namespace ferry::compare
