#include "runs.hpp"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <ferry/client.hpp>
#include <ferry/worker.hpp>
#include <future>
#include <thread>
#include <vector>

#include "wire/envelope.hpp"

namespace ferry::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto patience = std::chrono::minutes(2);

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double per_second(const Load& load, double seconds) {
  return static_cast<double>(load.jobs) / seconds;
}

/// Entries of the same size as Ferry's own envelopes.
LimitShape shape_of(const Load& load) {
  msgpack::sbuffer payload;
  msgpack::pack(payload, blob_of(load.payload_bytes));
  wire::EnvelopeWriter writer{JobId{}};
  for (std::size_t i = 0; i < load.jobs_per_envelope; ++i) {
    writer.add(Blob::kind, {payload.data(), payload.size()}, 1'700'000'000'000'000 + i);
  }
  return {load.jobs_per_envelope, writer.finish().size()};
}

WorkerOptions worker_options(const RedisOptions& redis, const std::string& queue,
                             const Load& load) {
  return {.redis = redis,
          .queues = {{queue, 1}},
          .concurrency = load.concurrency,
          .log = {.level = LogLevel::warning},
          .print_stats_on_stop = false};
}

Handlers handlers_of(bool per_job) {
  Handlers handlers;
  if (per_job) {
    handlers.on<Blob>([](const JobContext&, const Blob&) {});
  } else {
    handlers.on_batch<Blob>(realtime(1000), [](Batch<Blob>&) {});
  }
  return handlers;
}

/// A producer that has connected, with its first job, and has the others ready.
class Producer {
 public:
  Producer(const RedisOptions& redis, const std::string& queue, const Load& load)
      : left_(load.jobs - 1),
        blobs_(std::min(portion, load.jobs), blob_of(load.payload_bytes)),
        client_({.redis = redis,
                 .queue = queue,
                 .max_jobs_per_envelope = load.jobs_per_envelope,
                 .max_bytes_per_envelope = 1024 * 1024}) {
    client_.enqueue(blobs_[0]);
  }

  /// Returns: the seconds it took to store all the others.
  double hand_over() {
    const auto start = Clock::now();
    while (left_ > 0) {
      const std::size_t count = std::min(left_, blobs_.size());
      for (const auto& result : client_.enqueue_all(std::span(blobs_).first(count))) {
        if (!result) throw Failure("a job was not stored: " + std::string(result.error->what()));
      }
      left_ -= count;
    }
    return seconds_since(start);
  }

 private:
  /// What a producer with much to do would hand over at once; it waits for the last reply of each.
  static constexpr std::size_t portion = 64'000;

  std::size_t left_;
  std::vector<Blob> blobs_;
  Client client_;
};

/// A worker that runs in a thread of its own until the end of the scope.
class RunningWorker {
 public:
  RunningWorker(WorkerOptions options, Handlers handlers)
      : worker_(std::move(options), std::move(handlers)), thread_([this] { worker_.run(); }) {}
  ~RunningWorker() { worker_.stop(); }
  RunningWorker(const RunningWorker&) = delete;
  RunningWorker& operator=(const RunningWorker&) = delete;

  void wait_until_done(std::size_t jobs) {
    const auto deadline = Clock::now() + patience;
    while (worker_.stats().done < jobs) {
      if (Clock::now() > deadline) {
        throw Failure(std::to_string(worker_.stats().done) + " of " + std::to_string(jobs) +
                      " jobs were done in two minutes");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  Worker worker_;
  std::jthread thread_;
};

}  // namespace

Runs::Runs(Durability durability)
    : server_({.durability = durability}), redis_{.url = server_.url(), .prefix = "ferrybench"} {}

std::string Runs::new_queue() {
  Limit{server_.socket_path(), blob_of(100), {1, 200}}.flush_all();
  return "turn-" + std::to_string(++turn_);
}

void Runs::check_waiting(const Load& load, const std::string& queue) {
  Queue books{redis_, queue};
  const auto report = books.audit();
  if (!report.balanced()) throw Failure("the books do not balance: " + report.violations.front());
  if (report.counts.waiting != static_cast<std::int64_t>(load.jobs)) {
    throw Failure("the queue holds " + std::to_string(report.counts.waiting) + " jobs, not " +
                  std::to_string(load.jobs));
  }
  char stored[32];
  std::snprintf(stored, sizeof(stored), "%.1f",
                static_cast<double>(load.jobs) / static_cast<double>(report.counts.envelopes));
  seen_["stored_jobs_per_envelope"] = stored;
}

void Runs::check_done(const Load& load, const std::string& queue) {
  Queue books{redis_, queue};
  const auto report = books.audit();
  if (!report.balanced()) throw Failure("the books do not balance: " + report.violations.front());
  if (report.counts.done != static_cast<std::int64_t>(load.jobs) || report.counts.envelopes != 0) {
    throw Failure(std::to_string(report.counts.done) + " jobs were done, not " +
                  std::to_string(load.jobs) + ", and " + std::to_string(report.counts.envelopes) +
                  " envelopes are left");
  }
}

double Runs::enqueue_all(const Load& load) {
  const std::string queue = new_queue();
  const double seconds = Producer(redis_, queue, load).hand_over();
  check_waiting(load, queue);
  return per_second(load, seconds);
}

template <typename Each>
double Runs::from_threads(const Load& load, Each each) {
  const std::string queue = new_queue();
  const Blob blob = blob_of(load.payload_bytes);
  Client client{{.redis = redis_, .queue = queue}};
  const std::size_t share = load.jobs / load.threads;
  client.enqueue(blob);  // connects
  std::barrier begin(static_cast<std::ptrdiff_t>(load.threads) + 1);
  std::vector<std::future<void>> threads;
  for (std::size_t i = 0; i < load.threads; ++i) {
    // The first one has a job less: the one that connected.
    const std::size_t jobs = share - (i == 0 ? 1 : 0);
    threads.push_back(std::async(std::launch::async, [&, jobs] {
      begin.arrive_and_wait();
      for (std::size_t job = 0; job < jobs; ++job) each(client, blob);
    }));
  }
  begin.arrive_and_wait();
  const auto start = Clock::now();
  for (auto& thread : threads) thread.get();
  client.flush();
  const double seconds = seconds_since(start);
  check_waiting(load, queue);
  return per_second(load, seconds);
}

double Runs::enqueue_async(const Load& load) {
  return from_threads(load, [](Client& client, const Blob& blob) { client.enqueue_async(blob); });
}

double Runs::enqueue_sync(const Load& load) {
  return from_threads(load, [](Client& client, const Blob& blob) { client.enqueue(blob); });
}

double Runs::drain(const Load& load, bool per_job) {
  const std::string queue = new_queue();
  Producer(redis_, queue, load).hand_over();
  check_waiting(load, queue);
  double seconds = 0;
  {
    const auto start = Clock::now();
    RunningWorker worker{worker_options(redis_, queue, load), handlers_of(per_job)};
    worker.wait_until_done(load.jobs);
    seconds = seconds_since(start);
  }
  check_done(load, queue);
  return per_second(load, seconds);
}

double Runs::drain_batch(const Load& load) { return drain(load, false); }
double Runs::drain_job(const Load& load) { return drain(load, true); }

double Runs::steady(const Load& load) {
  const std::string queue = new_queue();
  double seconds = 0;
  {
    RunningWorker worker{worker_options(redis_, queue, load), handlers_of(false)};
    Queue books{redis_, queue};
    const auto deadline = Clock::now() + patience;
    while (books.counts().workers == 0) {
      if (Clock::now() > deadline) throw Failure("the worker did not come up in two minutes");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    Producer producer(redis_, queue, load);
    const auto start = Clock::now();
    producer.hand_over();
    worker.wait_until_done(load.jobs);
    seconds = seconds_since(start);
  }
  check_done(load, queue);
  return per_second(load, seconds);
}

double Runs::limit_enqueue(const Load& load) {
  const std::string stream = new_queue();
  Limit limit{server_.socket_path(), blob_of(load.payload_bytes), shape_of(load)};
  limit.make(stream);
  const auto start = Clock::now();
  limit.enqueue(stream, load.jobs);
  const double seconds = seconds_since(start);
  limit.check(stream, load.jobs / load.jobs_per_envelope);
  return per_second(load, seconds);
}

double Runs::limit_drain(const Load& load) {
  const std::string stream = new_queue();
  Limit limit{server_.socket_path(), blob_of(load.payload_bytes), shape_of(load)};
  limit.make(stream);
  limit.enqueue(stream, load.jobs);
  const auto start = Clock::now();
  limit.drain(stream, load.jobs);
  const double seconds = seconds_since(start);
  limit.check(stream, 0);
  return per_second(load, seconds);
}

double Runs::limit_steady(const Load& load) {
  const std::string stream = new_queue();
  Limit producer{server_.socket_path(), blob_of(load.payload_bytes), shape_of(load)};
  Limit worker{server_.socket_path(), blob_of(load.payload_bytes), shape_of(load)};
  producer.make(stream);
  const auto start = Clock::now();
  auto drained = std::async(std::launch::async, [&] { worker.drain(stream, load.jobs); });
  producer.enqueue(stream, load.jobs);
  drained.get();
  const double seconds = seconds_since(start);
  producer.check(stream, 0);
  return per_second(load, seconds);
}

}  // namespace ferry::bench
