#include "compare/child.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ferry/error.hpp"

namespace ferry::compare {
namespace {

std::optional<int> wait_for(pid_t pid, int flags) {
  int status = 0;
  pid_t ended = 0;
  do {
    ended = waitpid(pid, &status, flags);
  } while (ended < 0 && errno == EINTR);
  if (ended != pid) return std::nullopt;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Child::Child(const std::string& name, const std::vector<std::string>& arguments) : name_(name) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) {
    throw Error(ErrorCode::internal,
                "cannot start the " + name_ + " process: " + std::strerror(errno));
  }
  if (pid_ > 0) return;
  // Only async-signal-safe calls from here on.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // A Ctrl-C at the terminal is for the parent, which then ends its children.
  setpgid(0, 0);
  execv("/proc/self/exe", pointers.data());
  _exit(127);
}

Child::~Child() {
  if (poll()) return;
  ::kill(pid_, SIGKILL);
  code_ = wait_for(pid_, 0);
}

std::optional<int> Child::poll() {
  if (!code_) code_ = wait_for(pid_, WNOHANG);
  return code_;
}

void Child::terminate() {
  if (!poll()) ::kill(pid_, SIGTERM);
}

}  // namespace ferry::compare
