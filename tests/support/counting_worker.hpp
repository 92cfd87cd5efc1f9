#pragma once

#include <msgpack.hpp>
#include <string>
#include <utility>
#include <vector>

#include "batching/fetch_plan.hpp"
#include "control_board.hpp"
#include "ferry/worker.hpp"
#include "functions/keys.hpp"
#include "in_flight.hpp"
#include "leases.hpp"
#include "log/log.hpp"
#include "metrics.hpp"
#include "queue_health.hpp"
#include "stages/adopt.hpp"
#include "stages/fetch.hpp"
#include "stages/pipeline.hpp"
#include "stages/settle.hpp"
#include "support/wait.hpp"

namespace ferry::test {

/// A job whose payload has exactly 100 bytes.
struct Parcel {
  static constexpr std::string_view kind = "parcel";
  static constexpr std::size_t payload_bytes = 100;
  std::string content = std::string(89, 'x');
  MSGPACK_DEFINE_MAP(content)
};

/// A worker without heartbeat and upkeep, whose calls come by the clock: what is left is fetch,
/// graph and settle, so everything the server sees is caused by jobs. Nobody reclaims either, so
/// the lease cannot end.
///
/// Source: Worker::Impl, which it copies.
class BareWorker {
 public:
  static constexpr std::size_t concurrency = 2;

  BareWorker(const RedisOptions& redis, Handlers handlers, std::size_t largest_batch)
      : handlers_(std::move(handlers)),
        log_({.level = LogLevel::error}, "bare"),
        leases_("bare", {Keys(redis.prefix, "default")}),
        health_(log_, {"default"}),
        in_flight_(10'000, 64 * 1024 * 1024, {concurrency, largest_batch, 10'000}),
        settler_(redis, leases_, in_flight_, health_, metrics_, log_, {}, nullptr,
                 [this](detail::RunPtr run) { pipeline_.run_suspect(std::move(run)); }),
        pipeline_({{"default"}, concurrency}, handlers_, leases_, board_, in_flight_, metrics_,
                  log_,
                  {[this](detail::Report report) { settler_.add(std::move(report)); },
                   [this](detail::RunPtr run) { settler_.mark_started(std::move(run)); },
                   [this] { return fetcher_.take_over(); }}),
        adopter_(leases_, in_flight_, health_, metrics_,
                 [this](std::vector<detail::EnvelopePtr> envelopes, detail::CallerMay may) {
                   count_fetches(envelopes);
                   return pipeline_.arrive(std::move(envelopes), may);
                 }),
        fetcher_(redis, {{1}, QueueOrder::weighted}, leases_, board_, in_flight_, adopter_, health_,
                 metrics_, log_) {
    settler_.start();
    fetcher_.start();
  }
  ~BareWorker() { stop(); }
  BareWorker(const BareWorker&) = delete;
  BareWorker& operator=(const BareWorker&) = delete;

  /// Returns: whether so many jobs were done in time.
  bool wait_until_done(std::size_t jobs) const {
    return eventually([&] { return metrics_.snapshot().done >= jobs; }, std::chrono::minutes{2});
  }

  /// Afterwards no command is under way and the meters are complete.
  void stop() {
    fetcher_.stop();
    settler_.stop();
  }

  WorkerStats stats() const { return metrics_.snapshot(); }
  redis::Meter fetch_meter() const { return fetcher_.meter(); }
  redis::Meter settle_meter() const { return settler_.meter(); }
  /// Replies that brought jobs. After `stop`.
  std::size_t fetches_with_jobs() const { return fetches_with_jobs_; }

 private:
  /// In the fetch thread. Envelopes of one reply keep it alive, so its address tells replies apart.
  void count_fetches(const std::vector<detail::EnvelopePtr>& envelopes) {
    for (const detail::EnvelopePtr& envelope : envelopes) {
      if (envelope->owner == last_reply_) continue;
      last_reply_ = envelope->owner;
      ++fetches_with_jobs_;
    }
  }

  Handlers handlers_;
  detail::Log log_;
  detail::Metrics metrics_;
  detail::Leases leases_;
  detail::ControlBoard board_{1};
  detail::QueueHealth health_;
  detail::InFlight in_flight_;
  detail::Settler settler_;
  detail::Pipeline pipeline_;
  redis::ReplyPtr last_reply_;
  std::size_t fetches_with_jobs_ = 0;
  detail::Adopter adopter_;
  detail::Fetcher fetcher_;
};

}  // namespace ferry::test
