#include "surroundings.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ferry/setup.hpp>
#include <fstream>

namespace ferry::bench {
namespace {

constexpr double busy_load = 0.5;

std::string value_in(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const auto value = line.find_first_not_of(" \t:", key.size());
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "unknown";
}

}  // namespace

Surroundings look_around(const RedisOptions& redis) {
  Surroundings found;
  utsname system{};
  uname(&system);
  found.machine = value_in("/proc/cpuinfo", "model name") + ", " +
                  std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + " processors, memory " +
                  value_in("/proc/meminfo", "MemTotal") + ", Linux " + system.release;
  found.compiler = "GCC " __VERSION__
#ifdef NDEBUG
                   ", optimized";
#else
                   ", NOT optimized: these figures say nothing";
#endif
  double load = 0;
  if (getloadavg(&load, 1) == 1) found.load = load;
  for (const auto& check : check_server(redis)) found.redis[check.name] = check.found;
  return found;
}

std::string Surroundings::to_text() const {
  std::string text = "- machine: " + machine + "\n- built by " + compiler + "\n- Redis:\n";
  for (const auto& [name, value] : redis) {
    text += "  - ";
    text += name;
    text += ": ";
    text += value;
    text += '\n';
  }
  if (load && *load > busy_load) {
    char warning[128];
    std::snprintf(warning, sizeof(warning),
                  "- WARNING: load average %.2f before the start; others use this machine\n",
                  *load);
    text += warning;
  }
  return text;
}

}  // namespace ferry::bench
