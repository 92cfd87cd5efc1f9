#include <algorithm>
#include <set>
#include <string>

#include "ferry/worker.hpp"
#include "ranges.hpp"
#include "secrets/payload_keys.hpp"
#include "wire/names.hpp"

namespace ferry {

namespace {

using std::chrono::milliseconds;

void validate_queues(const std::vector<QueueShare>& queues) {
  require(!queues.empty(), "queues", "empty", "at least one queue to work on");
  // Each is three streams of every fetch.
  constexpr std::size_t most_queues = 256;
  require(queues.size() <= most_queues, "queues", "a list of " + std::to_string(queues.size()),
          "at most 256; start several workers");
  std::set<std::string> names;
  for (std::size_t i = 0; i < queues.size(); ++i) {
    const QueueShare& queue = queues[i];
    const std::string field = "queues[" + std::to_string(i) + "]";
    wire::require_name(field + ".name", queue.name);
    require(names.insert(queue.name).second, field + ".name", "\"" + queue.name + "\" again",
            "each queue once; add up the weights");
    require_between(field + ".weight", queue.weight, 1, 1000);
  }
}

void validate_objectives(const WorkerOptions& options) {
  require(options.objectives.size() <= 64, "objectives",
          "a list of " + std::to_string(options.objectives.size()), "at most 64");
  for (const LatencyObjective& objective : options.objectives) {
    objective.validate();
    const bool ours = std::ranges::find(options.queues, objective.queue, &QueueShare::name) !=
                      options.queues.end();
    require(ours, "objective.queue", '"' + objective.queue + '"', "one of the worker's queues");
  }
}

}  // namespace

void LatencyObjective::validate() const {
  wire::require_name("objective.queue", queue);
  if (!kind.empty()) wire::require_name("objective.kind", kind);
  require_between("objective.within", within, milliseconds{1}, std::chrono::hours{24},
                  "1 ms to 24 h");
  require(share >= 0.95 && share <= 0.9999, "objective.share", std::to_string(share),
          "0.95 to 0.9999");
}

void WorkerOptions::validate() const {
  redis.validate();
  validate_queues(queues);
  require_enumerator("order", order, QueueOrder::strict, "weighted or strict");
  require_between("concurrency", concurrency, 0, 1024, "0 (the machine's processors) or 1 to 1024");
  require_between("max_jobs_in_flight", max_jobs_in_flight, 1, 1'000'000);
  require_between("max_bytes_in_flight", max_bytes_in_flight, std::size_t{64} << 10,
                  std::size_t{64} << 30);
  require_between("lease", lease, milliseconds{200}, std::chrono::hours{1}, "200 ms to 1 h");
  require_between("max_deliveries", max_deliveries, 1, 9);
  require_between("stop_within", stop_within, milliseconds{0}, std::chrono::hours{24}, "0 to 24 h");
  secrets::require_keys(payload_keys_file);
  validate_objectives(*this);
  require_between("trace_jobs", trace_jobs, 1, 100'000);
  if (!name.empty()) wire::require_name("name", name);
  require_enumerator("log.format", log.format, LogFormat::json, "text or json");
  require_enumerator("log.level", log.level, LogLevel::off, "debug, info, warning, error or off");
}

}  // namespace ferry
