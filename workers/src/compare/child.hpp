#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace ferry::compare {

/// A process of this very program with other arguments. It is killed with the object, and also when
/// the thread that started it dies: what it works on is disposable.
class Child {
 public:
  /// Errors: `internal` when the system refuses.
  Child(const std::string& name, const std::vector<std::string>& arguments);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Returns: nothing while it runs, else its exit code, or 128 + the signal that ended it.
  std::optional<int> poll();
  /// Asks it to stop in order.
  void terminate();
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  pid_t pid_ = -1;
  std::optional<int> code_;
};

}  // namespace ferry::compare
