#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <stdexcept>
#include <string>

namespace ferry::test {

/// How a command ended.
struct Ended {
  int code = -1;       ///< the exit code, or 128 + the signal
  std::string output;  ///< standard output and standard error
};

/// Runs a shell's command line and waits for its end.
inline Ended run(const std::string& command) {
  FILE* pipe = popen(("{ " + command + "\n} 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  Ended ended;
  char buffer[4096];
  while (const std::size_t bytes = std::fread(buffer, 1, sizeof buffer, pipe)) {
    ended.output.append(buffer, bytes);
  }
  const int status = pclose(pipe);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

/// Returns: the path of a program of this build.
inline std::string program(const std::string& name) {
  return std::string(FERRY_BIN_DIR) + "/" + name;
}

}  // namespace ferry::test
