#include <algorithm>
#include <set>
#include <string>

#include "ferry/error.hpp"
#include "ferry/worker.hpp"
#include "secrets/payload_keys.hpp"
#include "wire/names.hpp"

namespace ferry {

namespace {

using std::chrono::milliseconds;

void require(bool in_range, const std::string& field, const std::string& value,
             const std::string& expected) {
  if (in_range) return;
  throw Error(ErrorCode::invalid_argument, field + " is " + value + ": expected " + expected);
}

void require_between(const std::string& field, std::size_t value, std::size_t least,
                     std::size_t most) {
  require(value >= least && value <= most, field, std::to_string(value),
          std::to_string(least) + " to " + std::to_string(most));
}

std::string text(milliseconds duration) { return std::to_string(duration.count()) + " ms"; }

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
    require(queue.weight >= 1 && queue.weight <= 1000, field + ".weight",
            std::to_string(queue.weight), "1 to 1000");
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
  require(within >= milliseconds{1} && within <= std::chrono::hours{24}, "objective.within",
          text(within), "1 ms to 24 h");
  require(share >= 0.95 && share <= 0.9999, "objective.share", std::to_string(share),
          "0.95 to 0.9999");
}

void WorkerOptions::validate() const {
  redis.validate();
  validate_queues(queues);
  require(order == QueueOrder::weighted || order == QueueOrder::strict, "order",
          std::to_string(static_cast<int>(order)), "weighted or strict");
  require(concurrency <= 1024, "concurrency", std::to_string(concurrency),
          "0 (the machine's processors) or 1 to 1024");
  require_between("max_jobs_in_flight", max_jobs_in_flight, 1, 1'000'000);
  require_between("max_bytes_in_flight", max_bytes_in_flight, std::size_t{64} << 10,
                  std::size_t{64} << 30);
  require(lease >= milliseconds{200} && lease <= std::chrono::hours{1}, "lease", text(lease),
          "200 ms to 1 h");
  require(max_deliveries >= 1 && max_deliveries <= 9, "max_deliveries",
          std::to_string(max_deliveries), "1 to 9");
  require(stop_within >= milliseconds{0} && stop_within <= std::chrono::hours{24}, "stop_within",
          text(stop_within), "0 to 24 h");
  secrets::require_keys(payload_keys_file);
  validate_objectives(*this);
  require_between("trace_jobs", trace_jobs, 1, 100'000);
  if (!name.empty()) wire::require_name("name", name);
  require(log.format == LogFormat::text || log.format == LogFormat::json, "log.format",
          std::to_string(static_cast<int>(log.format)), "text or json");
  require(log.level <= LogLevel::off, "log.level", std::to_string(static_cast<int>(log.level)),
          "debug, info, warning, error or off");
}

}  // namespace ferry
