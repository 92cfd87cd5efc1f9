#include "stages/processor_wait.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace ferry::detail {
namespace {

/// Stays open: what it says is made anew for each read from its beginning.
class ScheduleFile {
 public:
  ScheduleFile() : file_(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}
  ~ScheduleFile() {
    if (file_ >= 0) ::close(file_);
  }
  ScheduleFile(const ScheduleFile&) = delete;
  ScheduleFile& operator=(const ScheduleFile&) = delete;

  /// Returns: its second number; 0 when there is none.
  std::int64_t waited_ns() const {
    std::array<char, 96> text{};
    const auto size = ::pread(file_, text.data(), text.size(), 0);
    if (size <= 0) return 0;
    const std::string_view line(text.data(), static_cast<std::size_t>(size));
    const auto space = line.find(' ');
    if (space == std::string_view::npos) return 0;
    std::int64_t waited = 0;
    std::from_chars(line.data() + space + 1, line.data() + line.size(), waited);
    return waited;
  }

 private:
  int file_;
};

}  // namespace

std::chrono::nanoseconds waited_for_processor() {
  thread_local const ScheduleFile file;
  return std::chrono::nanoseconds{file.waited_ns()};
}

}  // namespace ferry::detail
