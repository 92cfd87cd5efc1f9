#include "compare/machine.hpp"

#include <sched.h>
#include <sys/utsname.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

namespace ferry::compare {
namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    // Other architectures than x86 have no such line.
    if (line.starts_with("model name")) {
      const std::size_t at = line.find(": ");
      if (at != std::string::npos) return line.substr(at + 2);
    }
  }
  return "unknown processor";
}

}  // namespace

Machine this_machine() {
  Machine machine;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  machine.cores = sched_getaffinity(0, sizeof allowed, &allowed) == 0
                      ? static_cast<unsigned>(CPU_COUNT(&allowed))
                      : std::thread::hardware_concurrency();
  machine.cpu = cpu_model();
  utsname name{};
  if (uname(&name) == 0) machine.system = std::string(name.sysname) + " " + name.release;
#if defined(__clang__)
  machine.compiler = __VERSION__;
#else
  machine.compiler = std::string("g++ ") + __VERSION__;
#endif
#ifdef __OPTIMIZE__
  machine.optimised = true;
#endif
  return machine;
}

std::string text_of(const Machine& machine, const std::string& redis_version,
                    const std::string& redis) {
  return "machine   " + std::to_string(machine.cores) +
         (machine.cores == 1 ? " core, " : " cores, ") + machine.cpu + ", " + machine.system +
         "\nsoftware  Redis " + redis_version + " (" + redis + "), " + machine.compiler + "\n";
}

nlohmann::json json_of(const Machine& machine, const std::string& redis_version,
                       const std::string& redis) {
  return {{"cores", machine.cores},
          {"cpu", machine.cpu},
          {"system", machine.system},
          {"compiler", machine.compiler},
          {"optimised", machine.optimised},
          {"redis_version", redis_version},
          {"redis", redis}};
}

std::string warning_of(const Machine& machine) {
  if (machine.optimised) return "";
  return "note: Ferry was built without optimisation; the figures say little about it\n";
}

}  // namespace ferry::compare
