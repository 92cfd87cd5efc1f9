// How many jobs a second can one producer hand over, and one worker drain, when a handler costs
// nothing?
//
// A closed loop: it measures the framework's own price, not latency under load. Each repetition
// uses a new queue; all sizes take turns, so that a machine that slows down slows all of them.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ferry/client.hpp>
#include <ferry/private_redis.hpp>
#include <ferry/queue.hpp>
#include <ferry/setup.hpp>
#include <ferry/worker.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "blob.hpp"
#include "surroundings.hpp"

namespace {

namespace bench = ferry::bench;
using bench::Blob;

using Clock = std::chrono::steady_clock;

constexpr std::size_t payload_bytes = 100;

struct Settings {
  std::string redis;
  std::string prefix = "ferrybench";
  int repetitions = 5;
  double scale = 1;
  std::size_t concurrency = 2;
};

/// One line of the table.
struct Size {
  std::size_t jobs_per_envelope;
  std::size_t jobs;  ///< enough for some tenths of a second
  std::vector<double> enqueued_per_second{};
  std::vector<double> drained_per_second{};
  double stored_bytes_per_job = 0;
  double producer_trips_per_1000_jobs = 0;
  double worker_trips_per_1000_jobs = 0;
};

class Failure : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void enqueue(Size& size, const ferry::RedisOptions& redis, const std::string& queue) {
  // Handed over in portions, as a producer with much to do would; each waits for its last reply.
  constexpr std::size_t portion = 50'000;
  const std::vector<Blob> blobs(std::min(portion, size.jobs), bench::blob_of(payload_bytes));
  ferry::Client client{{.redis = redis,
                        .queue = queue,
                        .max_jobs_per_envelope = size.jobs_per_envelope,
                        .max_bytes_per_envelope = 1024 * 1024}};
  client.enqueue(blobs[0]);  // connects, and loads the functions if need be
  const auto before = client.stats();

  const auto start = Clock::now();
  for (std::size_t left = size.jobs - 1; left > 0;) {
    const std::size_t count = std::min(left, blobs.size());
    for (const auto& result : client.enqueue_all(std::span(blobs).first(count))) {
      if (!result) throw Failure("a job was not stored: " + std::string(result.error->what()));
    }
    left -= count;
  }
  const double jobs = static_cast<double>(size.jobs - 1);
  size.enqueued_per_second.push_back(jobs / seconds_since(start));
  const auto trips = client.stats().round_trips - before.round_trips;
  size.producer_trips_per_1000_jobs = 1000 * static_cast<double>(trips) / jobs;
}

void drain(Size& size, const Settings& settings, const ferry::RedisOptions& redis,
           const std::string& queue) {
  ferry::Handlers handlers;
  handlers.on_batch<Blob>(ferry::realtime(1000), [](ferry::Batch<Blob>&) {});
  ferry::Worker worker{{.redis = redis,
                        .queues = {{queue, 1}},
                        .concurrency = settings.concurrency,
                        .log = {.level = ferry::LogLevel::warning},
                        .print_stats_on_stop = false},
                       std::move(handlers)};
  const auto start = Clock::now();
  const auto deadline = start + std::chrono::minutes(2);
  std::jthread run{[&] { static_cast<void>(worker.run()); }};
  while (worker.stats().done < size.jobs && Clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const double seconds = seconds_since(start);
  const auto stats = worker.stats();
  worker.stop();
  run.join();
  if (stats.done != size.jobs) {
    throw Failure(std::to_string(stats.done) + " of " + std::to_string(size.jobs) +
                  " jobs were done in two minutes");
  }
  size.drained_per_second.push_back(static_cast<double>(size.jobs) / seconds);
  size.worker_trips_per_1000_jobs =
      1000 * static_cast<double>(stats.round_trips) / static_cast<double>(size.jobs);
}

void measure(Size& size, const Settings& settings, const ferry::RedisOptions& redis, int turn) {
  const std::string queue =
      "size-" + std::to_string(size.jobs_per_envelope) + "-turn-" + std::to_string(turn);
  ferry::Queue books{redis, queue};
  enqueue(size, redis, queue);
  const auto stored = books.counts();
  if (stored.waiting != static_cast<std::int64_t>(size.jobs)) {
    throw Failure("the queue holds " + std::to_string(stored.waiting) + " jobs, not " +
                  std::to_string(size.jobs));
  }
  size.stored_bytes_per_job = static_cast<double>(stored.bytes) / static_cast<double>(size.jobs);
  drain(size, settings, redis, queue);
  const auto report = books.audit();
  if (!report.balanced()) throw Failure("the books do not balance: " + report.violations.front());
}

std::string thousands(double per_second) {
  std::string text = std::to_string(static_cast<long long>(per_second));
  for (auto i = static_cast<std::ptrdiff_t>(text.size()) - 3; i > 0; i -= 3) {
    text.insert(static_cast<std::size_t>(i), " ");
  }
  return text;
}

std::string median_and_range(std::vector<double> values) {
  std::ranges::sort(values);
  return thousands(values[values.size() / 2]) + " (" + thousands(values.front()) + " to " +
         thousands(values.back()) + ")";
}

void print_surroundings(const Settings& settings, const ferry::RedisOptions& redis) {
  std::fputs(bench::look_around(redis).to_text().c_str(), stdout);
  if (!settings.redis.empty()) std::puts("- a server given by --redis");
  std::printf(
      "- settings: one producer thread (enqueue_all), one worker with %zu handlers that do "
      "nothing, per batch, realtime(1000); payload %zu bytes; %d repetitions\n",
      settings.concurrency, payload_bytes, settings.repetitions);
}

void print_table(const std::vector<Size>& sizes) {
  std::printf(
      "\n| jobs per envelope | jobs | enqueued jobs/s, median (range) | drained jobs/s, median "
      "(range) | stored bytes per job | round trips per 1000 jobs: producer, worker |\n"
      "|---:|---:|---:|---:|---:|---:|\n");
  for (const auto& size : sizes) {
    std::printf("| %zu | %zu | %s | %s | %.1f | %.2f, %.2f |\n", size.jobs_per_envelope, size.jobs,
                median_and_range(size.enqueued_per_second).c_str(),
                median_and_range(size.drained_per_second).c_str(), size.stored_bytes_per_job,
                size.producer_trips_per_1000_jobs, size.worker_trips_per_1000_jobs);
  }
}

void run(const Settings& settings) {
  std::optional<ferry::PrivateRedis> own;
  if (settings.redis.empty()) own.emplace();
  const ferry::RedisOptions redis{.url = own ? own->url() : settings.redis,
                                  .prefix = settings.prefix};
  std::vector<Size> sizes{{1, 100'000}, {10, 500'000}, {100, 1'000'000}, {256, 1'000'000}};
  for (auto& size : sizes) {
    size.jobs = std::max<std::size_t>(
        2, static_cast<std::size_t>(static_cast<double>(size.jobs) * settings.scale));
  }
  print_surroundings(settings, redis);
  for (int turn = 0; turn < settings.repetitions; ++turn) {
    for (auto& size : sizes) measure(size, settings, redis, turn);
  }
  print_table(sizes);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app{"Jobs per second handed over and drained, by jobs per envelope"};
  app.add_option("--redis", settings.redis, "use this server instead of one of its own");
  app.add_option("--prefix", settings.prefix, "of every key; must be new to the server");
  app.add_option("--repetitions", settings.repetitions)->check(CLI::Range(1, 1000));
  app.add_option("--scale", settings.scale, "multiplies the number of jobs")
      ->check(CLI::Range(0.0001, 100.0));
  app.add_option("--concurrency", settings.concurrency, "handlers side by side")
      ->check(CLI::Range(1, 1024));
  CLI11_PARSE(app, argc, argv);
  try {
    run(settings);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "first_figures: %s\n", e.what());
    return 1;
  }
}
