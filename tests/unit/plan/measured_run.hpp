#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ferry::plan {

/// A run as `compare` writes it, of a handler that takes 4,000 + 200·n µs in batches of `size`.
inline nlohmann::json measured_run(double rate, double size, const std::string& policy) {
  const double jobs = rate * 10;
  return {{"policy", policy},
          {"rate", rate},
          {"seconds", 10},
          {"done", jobs},
          {"mean_batch", size},
          {"handler_time_us", jobs * (200 + 4000 / size)},
          {"worker_cpu_us", jobs * (100 + 400 / size)},
          {"redis_cpu_us", jobs * (2 + 40 / size)},
          {"producer_cpu_us", jobs * 30},
          {"redis_commands", jobs * (1 + 4 / size)},
          {"bytes", jobs * 500},
          {"mean_us", 5000},
          {"p99_us", 9000},
          {"run_p50_us", 4200},
          {"run_p90_us", 5090},
          {"lagged", false},
          {"stages_us_per_job",
           {{"enqueue", 100},
            {"wait", 150},
            {"hold", 0},
            {"credit", 0},
            {"run", 4200},
            {"settle", 50}}}};
}

/// A whole file: realtime and fixed at rates that leave handlers idle, four at a time.
inline nlohmann::json measured_file() {
  return {{"experiment", "model"},
          {"machine", {{"cores", 2}, {"cpu", "a processor"}, {"redis_version", "7.0.15"}}},
          {"settings", {{"concurrency", 4}}},
          {"redis_bytes_per_job", 180},
          {"runs",
           {measured_run(100, 1, "realtime"), measured_run(400, 1, "realtime"),
            measured_run(1000, 10, "fixed(10, 10ms)")}}};
}

}  // namespace ferry::plan
