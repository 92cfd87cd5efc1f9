#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ferry::fault {

enum class Fault : std::uint8_t {
  kill_worker,  ///< SIGKILL, and another one in its place
  stop_worker,  ///< SIGSTOP for longer than its lease
  continue_worker,
  kill_producer,  ///< SIGKILL in whatever it does, and another one in its place
  kill_redis,     ///< SIGKILL, and the same server again
  stop_redis,     ///< SIGSTOP
  continue_redis,
  cut_clients,      ///< CLIENT KILL of every connection, several times
  flush_functions,  ///< FUNCTION FLUSH
};
inline constexpr std::size_t fault_count = 9;

std::string_view to_string(Fault fault);

struct FaultAt {
  std::chrono::milliseconds at{0};
  Fault fault = Fault::kill_worker;
  std::size_t target = 0;  ///< which worker or producer
  bool operator==(const FaultAt&) const = default;
};

/// How often each fault happens: the mean time between two, 0 = never.
struct FaultPeriods {
  std::chrono::milliseconds kill_worker{0};
  std::chrono::milliseconds stop_worker{0};
  std::chrono::milliseconds kill_producer{0};
  std::chrono::milliseconds kill_redis{0};
  std::chrono::milliseconds stop_redis{0};
  std::chrono::milliseconds cut_clients{0};
  std::chrono::milliseconds flush_functions{0};
};

struct ScheduleOptions {
  std::uint64_t seed = 1;
  std::chrono::milliseconds length{0};
  FaultPeriods periods;
  std::size_t workers = 0;
  std::size_t producers = 0;
  std::chrono::milliseconds lease{3000};
};

/// All faults of a run, made beforehand: the same seed, the same schedule, whatever the machine
/// does.
///
/// A fault comes between half and one and a half periods after the one before. What is stopped goes
/// on before the end.
std::vector<FaultAt> make_schedule(const ScheduleOptions& options);

}  // namespace ferry::fault
