#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <string>

namespace ferry::test {

/// A file to which handlers in any process append one line for each effect; survives kills.
class Ledger {
 public:
  explicit Ledger(std::string path) : path_(std::move(path)) {}

  void note(int number) const {
    const std::string line = std::to_string(number) + "\n";
    const int file = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (::write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
    ::close(file);
  }

  /// Returns: how often each number was noted.
  std::map<int, int> read() const {
    std::map<int, int> times;
    std::ifstream in(path_);
    for (int number = 0; in >> number;) ++times[number];
    return times;
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace ferry::test
