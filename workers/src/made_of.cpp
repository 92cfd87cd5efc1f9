#include "made_of.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <thread>
#include <utility>

namespace ferry::detail {

WorkerOptions completed(WorkerOptions options) {
  options.validate();
  if (options.concurrency == 0) {
    options.concurrency = std::max<std::size_t>(1, std::thread::hardware_concurrency());
  }
  if (options.name.empty()) {
    char host[40] = "worker";
    ::gethostname(host, sizeof host - 1);
    options.name = std::string(host) + "-" + std::to_string(::getpid());
    for (char& c : options.name) {
      if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') c = '_';
    }
  }
  return options;
}

std::vector<Keys> keys_of(const WorkerOptions& options) {
  std::vector<Keys> keys;
  for (const auto& queue : options.queues) keys.emplace_back(options.redis.prefix, queue.name);
  return keys;
}

std::vector<std::string> names_of(const WorkerOptions& options) {
  std::vector<std::string> names;
  for (const QueueShare& queue : options.queues) names.push_back(queue.name);
  return names;
}

FetchPlan plan_of(const WorkerOptions& options) {
  std::vector<int> weights;
  for (const QueueShare& queue : options.queues) weights.push_back(queue.weight);
  return {std::move(weights), options.order};
}

std::size_t largest_batch(const Handlers& handlers) {
  std::size_t largest = 1;
  for (const auto& handler : handlers.all()) largest = std::max(largest, handler.policy.max_jobs);
  return largest;
}

std::set<std::string, std::less<>> kinds_of(const Handlers& handlers) {
  std::set<std::string, std::less<>> kinds;
  for (const auto& handler : handlers.all()) kinds.insert(handler.kind);
  return kinds;
}

std::unique_ptr<Tracer> tracer_of(const WorkerOptions& options, const Handlers& handlers) {
  if (options.trace_file.empty()) return nullptr;
  TraceRecords names;
  names.worker = options.name;
  names.queues = names_of(options);
  for (const auto& handler : handlers.all()) names.kinds.push_back(handler.kind);
  return std::make_unique<Tracer>(options.trace_file, options.trace_jobs, std::move(names));
}

}  // namespace ferry::detail
