// A library to be preloaded: shifts the time of day of a process by the number of seconds in a file
// that can be changed while it runs, and leaves the monotonic clock alone, as an administrator does
// who sets the time.
//
// It allocates nothing and looks nothing up: an allocator may ask for the time before main. (Which
// is what libfaketime and jemalloc do not survive.)

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

std::int64_t shift_seconds() {
  static std::atomic<const std::int64_t*> shift{nullptr};
  const std::int64_t* known = shift.load();
  if (known == nullptr) {
    const char* file = ::getenv("FERRY_TEST_TIME_SHIFT");
    const int opened = file == nullptr ? -1 : ::open(file, O_RDONLY | O_CLOEXEC);
    if (opened < 0) return 0;
    void* mapped = ::mmap(nullptr, sizeof *known, PROT_READ, MAP_SHARED, opened, 0);
    ::close(opened);
    if (mapped == MAP_FAILED) return 0;
    known = static_cast<const std::int64_t*>(mapped);
    shift.store(known);
  }
  return __atomic_load_n(known, __ATOMIC_RELAXED);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = ::syscall(SYS_clock_gettime, clock, time);
  const bool of_day = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (result == 0 && of_day) time->tv_sec += shift_seconds();
  return static_cast<int>(result);
}

int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return result;
}

time_t time(time_t* seconds) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (seconds != nullptr) *seconds = now.tv_sec;
  return now.tv_sec;
}
}
