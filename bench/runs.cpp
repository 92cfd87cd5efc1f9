#include "runs.hpp"

#include <algorithm>
#include <barrier>
#include <cstdio>
#include <future>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "limit.hpp"
#include "producer.hpp"
#include "running_worker.hpp"
#include "stopwatch.hpp"
#include "wire/envelope.hpp"

namespace ferry::bench {
namespace {

double per_second(const Load& load, double seconds) {
  return static_cast<double>(load.jobs) / seconds;
}

/// Entries of the same size as Ferry's own envelopes.
LimitShape shape_of(const Load& load, Fsync fsync) {
  msgpack::sbuffer payload;
  msgpack::pack(payload, blob_of(load.payload_bytes));
  wire::EnvelopeWriter writer{JobId{}};
  for (std::size_t i = 0; i < load.jobs_per_envelope; ++i) {
    writer.add(Blob::kind, {payload.data(), payload.size()}, 1'700'000'000'000'000 + i);
  }
  LimitShape shape{load.jobs_per_envelope, writer.finish().size()};
  // Of large entries too there must be some in each direction.
  shape.portion_bytes = std::max(shape.portion_bytes, 4 * shape.envelope_bytes);
  if (fsync == Fsync::always) {
    // What waits for one fsync is as much as one call of Ferry may hold.
    shape.portion_bytes = 1024 * 1024;
    shape.transactions = true;
  }
  return shape;
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

}  // namespace

Runs::Runs(Fsync fsync)
    : fsync_(fsync),
      server_({.fsync = fsync}),
      redis_{.url = server_.url(), .prefix = "ferrybench"} {}

std::string Runs::new_queue() {
  Limit{server_.socket_path(), blob_of(100), {.envelope_bytes = 200}}.flush_all();
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
  const Stopwatch watch;
  for (auto& thread : threads) thread.get();
  client.flush();
  const double seconds = watch.seconds();
  check_waiting(load, queue);
  return per_second(load, seconds);
}

double Runs::enqueue_async(const Load& load) {
  return from_threads(load, [](Client& client, const Blob& blob) {
    static_cast<void>(client.enqueue_async(blob));
  });
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
    const Stopwatch watch;
    RunningWorker worker{worker_options(redis_, queue, load.concurrency), handlers_of(per_job)};
    worker.wait_until_done(load.jobs);
    seconds = watch.seconds();
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
    RunningWorker worker{worker_options(redis_, queue, load.concurrency), handlers_of(false)};
    worker.wait_until_up(redis_, queue);
    Producer producer(redis_, queue, load);
    const Stopwatch watch;
    producer.hand_over();
    worker.wait_until_done(load.jobs);
    seconds = watch.seconds();
  }
  check_done(load, queue);
  return per_second(load, seconds);
}

double Runs::limit_enqueue(const Load& load) {
  const std::string stream = new_queue();
  Limit limit{server_.socket_path(), blob_of(load.payload_bytes), shape_of(load, fsync_)};
  limit.make(stream);
  const Stopwatch watch;
  limit.enqueue(stream, load.jobs);
  const double seconds = watch.seconds();
  limit.check(stream, load.jobs / load.jobs_per_envelope);
  return per_second(load, seconds);
}

double Runs::limit_drain(const Load& load) {
  const std::string stream = new_queue();
  Limit limit{server_.socket_path(), blob_of(load.payload_bytes), shape_of(load, fsync_)};
  limit.make(stream);
  limit.enqueue(stream, load.jobs);
  const Stopwatch watch;
  limit.drain(stream, load.jobs);
  const double seconds = watch.seconds();
  limit.check(stream, 0);
  return per_second(load, seconds);
}

double Runs::limit_steady(const Load& load) {
  const std::string stream = new_queue();
  Limit producer{server_.socket_path(), blob_of(load.payload_bytes), shape_of(load, fsync_)};
  Limit worker{server_.socket_path(), blob_of(load.payload_bytes), shape_of(load, fsync_)};
  producer.make(stream);
  const Stopwatch watch;
  auto drained = std::async(std::launch::async, [&] { worker.drain(stream, load.jobs); });
  producer.enqueue(stream, load.jobs);
  drained.get();
  const double seconds = watch.seconds();
  producer.check(stream, 0);
  return per_second(load, seconds);
}

}  // namespace ferry::bench
