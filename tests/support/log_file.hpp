#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace ferry::test {

/// Takes standard error into a file for as long as it lives, so that a test can read what workers
/// log as JSON while they work.
///
/// Threads: any may read; one at a time may live.
class LogFile {
 public:
  LogFile() {
    std::fflush(stderr);
    file_ = ::mkstemp(path_.data());
    before_ = ::dup(STDERR_FILENO);
    ::dup2(file_, STDERR_FILENO);
  }
  ~LogFile() {
    std::fflush(stderr);
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    ::close(file_);
    ::unlink(path_.c_str());
  }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  /// Returns: the lines of an event so far, in order.
  std::vector<nlohmann::json> lines(const std::string& event) const {
    std::vector<nlohmann::json> found;
    std::ifstream in(path_);
    for (std::string line; std::getline(in, line);) {
      auto json = nlohmann::json::parse(line, nullptr, false);
      if (json.is_object() && json.value("event", "") == event) found.push_back(std::move(json));
    }
    return found;
  }

  /// Returns: whether a worker has logged that event.
  bool has(const std::string& event, const std::string& worker) const {
    for (const auto& line : lines(event)) {
      if (line.value("worker", "") == worker) return true;
    }
    return false;
  }

  std::string text() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "ferry-log-XXXXXX").string();
  int file_ = -1;
  int before_ = -1;
};

}  // namespace ferry::test
