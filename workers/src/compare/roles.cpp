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

double peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

/// As the highest value and the count of each bucket, from which the same one can be made.
json json_of(const Histogram& histogram) {
  json buckets = json::array();
  for (const auto& [value, count] : histogram.buckets()) buckets.push_back({value, count});
  return buckets;
}

Histogram histogram_of(const json& buckets) {
  Histogram histogram;
  for (const json& bucket : buckets) histogram.record(bucket.at(0), bucket.at(1));
  return histogram;
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

namespace {

json json_of(const ClientStats& stats, double began, double cpu) {
  return {{"jobs", stats.enqueued_jobs},
          {"failed", stats.failed_jobs},
          {"began", began},
          {"cpu", cpu},
          {"round_trips", stats.round_trips},
          {"bytes", stats.bytes_in + stats.bytes_out},
          {"memory", peak_memory_bytes()}};
}

json json_of(const load::Figures& figures) {
  return {{"offered", figures.offered},
          {"stored", figures.stored},
          {"dropped", figures.dropped},
          {"refused", figures.refused},
          {"failed", figures.failed},
          {"first_failure", figures.first_failure},
          {"late", figures.lag.late},
          {"worst_lag_ns", figures.lag.worst.count()},
          {"stored_after", json_of(figures.stored_after_us)}};
}

load::Figures figures_of(const json& report) {
  load::Figures figures;
  figures.offered = report.at("offered");
  figures.stored = report.at("stored");
  figures.dropped = report.at("dropped");
  figures.refused = report.at("refused");
  figures.failed = report.at("failed");
  figures.first_failure = report.at("first_failure");
  figures.lag = {figures.offered, report.at("late"),
                 std::chrono::nanoseconds{report.at("worst_lag_ns").get<std::int64_t>()}};
  figures.stored_after_us = histogram_of(report.at("stored_after"));
  return figures;
}

int run_open_producer(const Options& options, const Experiment& experiment) {
  if (!experiment.produce_one) {
    throw Error(ErrorCode::invalid_argument, "--rate needs an experiment that sets produce_one");
  }
  constexpr std::size_t most_under_way = 100'000;
  Client* client = nullptr;
  load::OpenLoop loop(most_under_way,
                      [&](std::size_t index) { return experiment.produce_one(*client, index); });
  // Latencies count from the time a job was meant for, in the worker as well.
  Client own{{.redis = redis_of(options),
              .queue = experiment.queue,
              .when_full = WhenFull::reject,
              .buffer_jobs = most_under_way,
              .clock = [&] { return loop.intended(); }}};
  client = &own;
  own.enqueue_packed("connect", {}, {.queue = connecting_queue});
  const auto arrivals =
      load::arrivals_of(load::Shape::poisson, options.rate, options.duration, options.seed);
  const ClientStats before = own.stats();
  const double cpu_before = own_cpu_microseconds();
  loop.run(arrivals, [](load::OpenLoop::Clock::time_point until) {
    std::this_thread::sleep_until(until);
    return true;
  });
  const double cpu = own_cpu_microseconds() - cpu_before;
  ClientStats stats = own.stats();
  stats.enqueued_jobs -= before.enqueued_jobs;
  stats.round_trips -= before.round_trips;
  stats.bytes_in -= before.bytes_in;
  stats.bytes_out -= before.bytes_out;
  const load::Figures figures = loop.figures();
  if (options.report.empty()) {
    std::printf("%llu jobs offered, %llu stored; stored after p50 %llu µs, p99 %llu µs\n",
                static_cast<unsigned long long>(figures.offered),
                static_cast<unsigned long long>(figures.stored),
                static_cast<unsigned long long>(figures.stored_after_us.at(0.5)),
                static_cast<unsigned long long>(figures.stored_after_us.at(0.99)));
    return figures.stored == figures.offered ? 0 : 1;
  }
  json report = json_of(stats, loop.began(), cpu);
  report["load"] = json_of(figures);
  return write(options.report, report) ? 0 : 1;
}

}  // namespace

int run_producer(const Options& options, const Experiment& experiment) {
  configure(options, experiment);
  if (experiment.prepare) experiment.prepare(options.limit);
  if (options.rate > 0) return run_open_producer(options, experiment);
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
  return write(options.report, json_of(stats, began, cpu)) ? 0 : 1;
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
  settings.measure_processor_wait = measured;
  Worker worker{settings, experiment.handlers(options.policies.front())};
  const StopOnSignal stop{worker};
  const double cpu_before = own_cpu_microseconds();
  const int code = worker.run();
  const double cpu = own_cpu_microseconds() - cpu_before;
  if (!measured) return code;
  const WorkerStats stats = worker.stats();
  json left_for = json::object();
  for (std::size_t i = 0; i < leave_reason_count; ++i) {
    if (stats.left_for[i] == 0) continue;
    left_for[std::string(to_string(static_cast<LeaveReason>(i)))] = stats.left_for[i];
  }
  const Histogram& latency = stats.enqueue_to_settled;
  const std::chrono::microseconds budget = options.budget;
  const bool written =
      write(options.report,
            {{"done", stats.done},
             {"failed", stats.failed},
             {"retried", stats.retried},
             {"expired", stats.expired},
             {"cpu", cpu},
             {"round_trips", stats.round_trips},
             {"bytes", stats.bytes_in + stats.bytes_out},
             {"memory", peak_memory_bytes()},
             {"p50", latency.at(0.5)},
             {"p99", latency.at(0.99)},
             {"mean", latency.mean()},
             {"latency", json_of(latency)},
             {"within_budget", latency.count_up_to(static_cast<std::uint64_t>(budget.count()))},
             {"run_p50", stats.run.at(0.5)},
             {"run_p90", stats.run.at(0.9)},
             {"handler_time", stats.run.mean() * static_cast<double>(stats.run.count())},
             {"processor_wait", stats.processor_wait_us},
             {"stages",
              {stats.stages.before_us, stats.stages.hold_us, stats.stages.credit_us,
               stats.stages.run_us, stats.stages.settle_us, stats.stages.retry_us}},
             {"left_for", std::move(left_for)},
             {"mean_batch", stats.batch_size.mean()}});
  return written ? code : 1;
}

ProducerReport read_producer_report(const std::filesystem::path& file) {
  const json report = read(file);
  return {.jobs = report.at("jobs"),
          .failed = report.at("failed"),
          .began = report.at("began"),
          .cpu = report.at("cpu"),
          .round_trips = report.at("round_trips"),
          .bytes = report.at("bytes"),
          .memory_bytes = report.at("memory"),
          .load = report.contains("load") ? figures_of(report.at("load")) : load::Figures{}};
}

WorkerReport read_worker_report(const std::filesystem::path& file) {
  const json report = read(file);
  return {
      .done = report.at("done"),
      .failed = report.at("failed"),
      .retried = report.at("retried"),
      .cpu = report.at("cpu"),
      .round_trips = report.at("round_trips"),
      .p50 = report.at("p50"),
      .p99 = report.at("p99"),
      .mean_batch = report.at("mean_batch"),
      .bytes = report.at("bytes"),
      .memory_bytes = report.at("memory"),
      .expired = report.at("expired"),
      .handler_time = report.at("handler_time"),
      .processor_wait = report.at("processor_wait"),
      .run_p50 = report.at("run_p50"),
      .run_p90 = report.at("run_p90"),
      .mean = report.at("mean"),
      .within_budget = report.at("within_budget"),
      .latency = histogram_of(report.at("latency")),
      .stages = {report.at("stages").at(0), report.at("stages").at(1), report.at("stages").at(2),
                 report.at("stages").at(3), report.at("stages").at(4), report.at("stages").at(5)},
      .left_for = report.at("left_for")};
}

}  // namespace ferry::compare
