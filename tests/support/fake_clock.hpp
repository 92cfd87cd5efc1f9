#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>

namespace ferry::test {

/// Lets processes that are started in a scope of its own see another time of day, which can be
/// changed while they run. Their monotonic clock goes on.
class FakeClock {
 public:
  /// `file` keeps the shift.
  explicit FakeClock(std::string file) : file_(std::move(file)) {
    const int opened = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void* mapped = MAP_FAILED;
    if (::ftruncate(opened, sizeof *shift_) == 0) {
      mapped = ::mmap(nullptr, sizeof *shift_, PROT_READ | PROT_WRITE, MAP_SHARED, opened, 0);
    }
    ::close(opened);
    if (mapped == MAP_FAILED) throw std::runtime_error("cannot map " + file_);
    shift_ = static_cast<std::int64_t*>(mapped);
  }
  ~FakeClock() { ::munmap(shift_, sizeof *shift_); }
  FakeClock(const FakeClock&) = delete;
  FakeClock& operator=(const FakeClock&) = delete;

  /// Away from the true time.
  void set(std::chrono::seconds shift) const {
    __atomic_store_n(shift_, shift.count(), __ATOMIC_RELAXED);
  }

  /// Processes started meanwhile see this clock.
  class Scope {
   public:
    explicit Scope(const FakeClock& clock) {
      ::setenv("LD_PRELOAD", FERRY_BIN_DIR "/libshifted_time.so", 1);
      ::setenv("FERRY_TEST_TIME_SHIFT", clock.file_.c_str(), 1);
    }
    ~Scope() {
      ::unsetenv("LD_PRELOAD");
      ::unsetenv("FERRY_TEST_TIME_SHIFT");
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };

 private:
  std::string file_;
  std::int64_t* shift_ = nullptr;
};

}  // namespace ferry::test
