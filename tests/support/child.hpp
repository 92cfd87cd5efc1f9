#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/send_signal.hpp"

extern char** environ;

namespace ferry::test {

/// A process of a test's own; killed at the end of its scope.
class Child {
 public:
  /// This test program, started again in another role (see its `main`).
  explicit Child(std::vector<std::string> arguments)
      : Child("/proc/self/exe", std::move(arguments)) {}

  /// Another program; what it says is appended to `log`, if there is one.
  ///
  /// Errors: std::system_error naming the program when it cannot be started.
  Child(std::string program, std::vector<std::string> arguments, const std::string& log = {}) {
    arguments.insert(arguments.begin(), std::move(program));
    std::vector<char*> raw;
    for (auto& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (!log.empty()) {
      posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                       0600);
      posix_spawn_file_actions_adddup2(&actions, 1, 2);
    }
    const int error = ::posix_spawn(&pid_, raw[0], &actions, nullptr, raw.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::system_error(error, std::generic_category(), raw[0]);
  }
  ~Child() {
    if (!ended_) {
      signal(SIGKILL);
      wait();
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int pid() const { return pid_; }
  void signal(int number) const { send_signal(pid_, number); }

  /// Returns: the wait status.
  int wait() {
    if (!ended_) ::waitpid(pid_, &status_, 0);
    ended_ = true;
    return status_;
  }

  /// Returns: nothing when it still runs after `at_most`.
  std::optional<int> wait_for(std::chrono::milliseconds at_most) {
    const auto until = std::chrono::steady_clock::now() + at_most;
    while (true) {
      if (!ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
      if (ended_ || std::chrono::steady_clock::now() >= until) break;
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return ended_ ? std::optional(status_) : std::nullopt;
  }

  /// In the child: do not outlive the test.
  static void die_with_parent() { ::prctl(PR_SET_PDEATHSIG, SIGKILL); }

 private:
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

}  // namespace ferry::test
