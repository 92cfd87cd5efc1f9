#include "compare/roles.hpp"

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "ferry/worker.hpp"

namespace ferry::compare {
namespace {

using nlohmann::json;

double own_cpu_microseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

RedisOptions redis_of(const Options& options) {
  RedisOptions redis;
  redis.url = options.redis;
  if (!options.prefix.empty()) redis.prefix = options.prefix;
  return redis;
}

void configure(const Options& options, const Experiment& experiment) {
  if (experiment.configure) experiment.configure({options.scratch, options.settings});
}

bool write(const std::filesystem::path& file, const json& report) {
  std::ofstream out(file);
  out << report.dump() << '\n';
  out.close();
  if (!out) std::fprintf(stderr, "cannot write %s\n", file.c_str());
  return static_cast<bool>(out);
}

json read(const std::filesystem::path& file) {
  std::ifstream in(file);
  json report = json::parse(in, nullptr, false);
  if (!report.is_object()) {
    throw Error(ErrorCode::corrupt, file.string() + " is not a report of a run");
  }
  return report;
}

}  // namespace

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int run_producer(const Options& options, const Experiment& experiment) {
  configure(options, experiment);
  if (experiment.prepare) experiment.prepare(options.limit);
  Client client{{.redis = redis_of(options), .queue = experiment.queue}};
  const double cpu_before = own_cpu_microseconds();
  const double began = monotonic_seconds();
  experiment.produce(client, options.limit);
  client.flush();
  const double cpu = own_cpu_microseconds() - cpu_before;
  const ClientStats stats = client.stats();
  if (options.report.empty()) {
    std::printf("%llu jobs enqueued in %.2f s, %llu failed\n",
                static_cast<unsigned long long>(stats.enqueued_jobs), monotonic_seconds() - began,
                static_cast<unsigned long long>(stats.failed_jobs));
    return stats.failed_jobs == 0 ? 0 : 1;
  }
  return write(options.report, {{"jobs", stats.enqueued_jobs},
                                {"failed", stats.failed_jobs},
                                {"began", began},
                                {"cpu", cpu},
                                {"round_trips", stats.round_trips}})
             ? 0
             : 1;
}

int run_worker(const Options& options, const Experiment& experiment) {
  configure(options, experiment);
  const bool measured = !options.report.empty();
  WorkerOptions settings;
  settings.redis = redis_of(options);
  settings.queues = {{experiment.queue, 1}};
  settings.concurrency = options.concurrency;
  settings.log.level = measured ? LogLevel::warning : LogLevel::info;
  settings.print_stats_on_stop = !measured;
  Worker worker{settings, experiment.handlers(options.policies.front())};
  const StopOnSignal stop{worker};
  const double cpu_before = own_cpu_microseconds();
  const int code = worker.run();
  const double cpu = own_cpu_microseconds() - cpu_before;
  if (!measured) return code;
  const WorkerStats stats = worker.stats();
  const bool written = write(options.report, {{"done", stats.done},
                                              {"failed", stats.failed},
                                              {"retried", stats.retried},
                                              {"cpu", cpu},
                                              {"round_trips", stats.round_trips},
                                              {"p50", stats.enqueue_to_settled.at(0.5)},
                                              {"p99", stats.enqueue_to_settled.at(0.99)},
                                              {"mean_batch", stats.batch_size.mean()}});
  return written ? code : 1;
}

ProducerReport read_producer_report(const std::filesystem::path& file) {
  const json report = read(file);
  return {.jobs = report.at("jobs"),
          .failed = report.at("failed"),
          .began = report.at("began"),
          .cpu = report.at("cpu"),
          .round_trips = report.at("round_trips")};
}

WorkerReport read_worker_report(const std::filesystem::path& file) {
  const json report = read(file);
  return {.done = report.at("done"),
          .failed = report.at("failed"),
          .retried = report.at("retried"),
          .cpu = report.at("cpu"),
          .round_trips = report.at("round_trips"),
          .p50 = report.at("p50"),
          .p99 = report.at("p99"),
          .mean_batch = report.at("mean_batch")};
}

}  // namespace ferry::compare
