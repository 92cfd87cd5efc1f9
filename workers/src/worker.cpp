#include "ferry/worker.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>

#include "batching/fetch_plan.hpp"
#include "control_board.hpp"
#include "enter.hpp"
#include "fitting.hpp"
#include "home_process.hpp"
#include "in_flight.hpp"
#include "leases.hpp"
#include "log/log.hpp"
#include "made_of.hpp"
#include "metrics.hpp"
#include "objectives/objectives.hpp"
#include "queue_health.hpp"
#include "redis/backoff.hpp"
#include "redis/errors.hpp"
#include "stages/adopt.hpp"
#include "stages/fetch.hpp"
#include "stages/give_back.hpp"
#include "stages/pipeline.hpp"
#include "stages/settle.hpp"
#include "upkeep/expire_producers.hpp"
#include "upkeep/heartbeat.hpp"
#include "upkeep/look.hpp"
#include "upkeep/promote.hpp"
#include "upkeep/retire_names.hpp"
#include "upkeep/share.hpp"
#include "upkeep/take_over.hpp"
#include "upkeep/tell_sizes.hpp"
#include "upkeep/upkeep.hpp"

namespace ferry {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
constexpr detail::HomeProcess::Thing worker_here{
    "this worker", "make and run a worker in the process that shall work"};

void add_meter(WorkerStats& stats, const redis::Meter& meter) {
  stats.redis_commands += meter.commands;
  stats.round_trips += meter.round_trips;
  stats.bytes_out += meter.bytes_out;
  stats.bytes_in += meter.bytes_in;
}

}  // namespace

/// Everything a worker is made of, in the order in which it must end.
class Worker::Impl {
 public:
  Impl(WorkerOptions options, Handlers handlers)
      : options_(detail::completed(std::move(options))),
        handlers_(detail::fitting(std::move(handlers), options_)),
        log_(options_.log, options_.name),
        leases_(options_.name, detail::keys_of(options_)),
        board_(options_.queues.size()),
        health_(log_, detail::names_of(options_)),
        in_flight_(
            options_.max_jobs_in_flight, options_.max_bytes_in_flight,
            {options_.concurrency, detail::largest_batch(handlers_), options_.max_jobs_in_flight}),
        tracer_(detail::tracer_of(options_, handlers_)),
        objectives_(options_.objectives, detail::names_of(options_)),
        settler_(options_.redis, leases_, in_flight_, health_, metrics_, log_,
                 detail::kinds_of(handlers_), watch_told(),
                 [this](detail::RunPtr run) { pipeline_.run_suspect(std::move(run)); }),
        pipeline_({detail::names_of(options_), options_.concurrency, options_.max_deliveries,
                   options_.unknown_kind, options_.max_bytes_in_flight,
                   detail::opening_of(options_), options_.measure_processor_wait, tracer_.get()},
                  handlers_, leases_, board_, in_flight_, metrics_, log_,
                  {[this](detail::Report report) { settler_.add(std::move(report)); },
                   [this](detail::RunPtr run) { settler_.mark_started(std::move(run)); },
                   [this] { return fetcher_.take_over(); }}),
        adopter_(leases_, in_flight_, health_, metrics_,
                 [this](std::vector<detail::EnvelopePtr> envelopes, detail::CallerMay may) {
                   return pipeline_.arrive(std::move(envelopes), may);
                 }),
        fetcher_(options_.redis, detail::plan_of(options_), leases_, board_, in_flight_, adopter_,
                 health_, metrics_, log_),
        heartbeat_(
            options_.redis, options_.lease, leases_, health_, log_,
            [this] { return !board_.is_retired(); },
            [this] { return in_flight_.queues_held(options_.queues.size()); },
            [this](std::vector<detail::Control> controls) { control(std::move(controls)); }),
        upkeep_(
            options_.redis, roles(), [this] { adopter_.want_recovery(); }, log_) {}

  int run();
  void ask(int wish);
  WorkerStats stats() const;

  /// Whether handlers still ran when `run` returned; then nothing may be destroyed under them.
  bool abandoned() const { return abandoned_ || home_.is_left(); }

 private:
  std::vector<std::unique_ptr<detail::Role>> roles();
  std::size_t wanted(std::string_view kind);
  void control(std::vector<detail::Control> controls);
  bool prepare();
  void wait_for(int wish);
  bool wait_for(int wish, Clock::time_point until);
  void drain();
  void release_rest();
  void print_stats() const;
  void write_trace() const;
  detail::Settler::Told watch_told();
  void watch_objectives();

  const detail::HomeProcess home_;
  WorkerOptions options_;
  Handlers handlers_;
  detail::Log log_;
  detail::Metrics metrics_;
  detail::Leases leases_;
  detail::ControlBoard board_;
  detail::QueueHealth health_;
  detail::InFlight in_flight_;
  std::unique_ptr<detail::Tracer> tracer_;  ///< null unless a trace is asked for
  detail::Objectives objectives_;
  detail::Settler settler_;
  detail::Pipeline pipeline_;
  detail::Adopter adopter_;
  detail::Fetcher fetcher_;
  detail::Heartbeat heartbeat_;
  detail::Upkeep upkeep_;

  std::mutex mutex_;
  std::condition_variable asked_;
  int wish_ = 0;  ///< 0 work, 1 quiet, 2 stop, 3 stop at once
  bool abandoned_ = false;
};

std::vector<std::unique_ptr<detail::Role>> Worker::Impl::roles() {
  std::vector<std::unique_ptr<detail::Role>> roles;
  roles.push_back(std::make_unique<detail::Promote>(leases_, board_, health_, metrics_));
  roles.push_back(std::make_unique<detail::Look>(leases_, board_, health_, options_.lease));
  roles.push_back(std::make_unique<detail::TakeOver>(
      leases_, board_, in_flight_, adopter_, health_, metrics_, log_,
      [this](std::string_view kind) { return wanted(kind); }));
  roles.push_back(std::make_unique<detail::Share>(
      leases_, board_, health_,
      [this] {
        return pipeline_.may_share() ? in_flight_.queues_held(options_.queues.size())
                                     : std::vector<bool>{};
      },
      [this](std::uint32_t queue, std::size_t workers) { pipeline_.share(queue, workers); }));
  roles.push_back(std::make_unique<detail::TellSizes>(
      leases_, board_, health_, [this] { return pipeline_.envelope_sizes(); }));
  roles.push_back(std::make_unique<detail::RetireNames>(leases_, in_flight_));
  roles.push_back(std::make_unique<detail::ExpireProducers>(leases_, board_, health_));
  return roles;
}

/// Returns: how many jobs that were set aside for their kind this worker takes now.
std::size_t Worker::Impl::wanted(std::string_view kind) {
  const bool known = std::ranges::any_of(handlers_.all(),
                                         [&](const auto& handler) { return handler.kind == kind; });
  // Those that wait for a handler become dead letters here: they take room for a moment only.
  if (!known && options_.unknown_kind == UnknownKind::dead_letter) {
    return in_flight_.free_jobs();
  }
  return pipeline_.wanted(kind);
}

/// The answers to a heartbeat.
void Worker::Impl::control(std::vector<detail::Control> controls) {
  const auto changes = board_.update(std::move(controls), Clock::now());
  for (const std::uint32_t queue : changes.paused) pipeline_.pause(queue);
  // Whoever kept it before may have died a while ago.
  if (changes.keeps_more) upkeep_.wake();
}

void Worker::Impl::ask(int wish) {
  home_.require(worker_here);
  {
    const std::lock_guard lock(mutex_);
    wish_ = std::max(wish_, wish);
  }
  asked_.notify_all();
}

void Worker::Impl::wait_for(int wish) {
  std::unique_lock lock(mutex_);
  asked_.wait(lock, [&] { return wish_ >= wish; });
}

bool Worker::Impl::wait_for(int wish, Clock::time_point until) {
  std::unique_lock lock(mutex_);
  return asked_.wait_until(lock, until, [&] { return wish_ >= wish; });
}

/// Finds the server fit to work with and registers, however long that takes.
///
/// Returns: false when Redis refused or a stop was asked for first.
bool Worker::Impl::prepare() {
  redis::ReconnectBackoff backoff;
  redis::Connection connection(options_.redis);
  bool away = false;
  while (true) {
    try {
      connection.connect();
      control(detail::enter(connection, options_, leases_, health_, log_));
      return true;
    } catch (const Error& e) {
      connection.close();
      if (e.code() == ErrorCode::denied || e.code() == ErrorCode::unsupported ||
          e.code() == ErrorCode::invalid_argument) {
        log_.error("Redis refuses; stopping", {{"reason", std::string_view(e.what())}});
        return false;
      }
      if (!std::exchange(away, true)) {
        log_.warning("Redis is not ready; trying again", {{"reason", std::string_view(e.what())}});
      }
      if (wait_for(2, Clock::now() + backoff.next())) return false;
    }
  }
}

int Worker::Impl::run() {
  if (home_.says_left(worker_here)) return 1;
  if (!prepare()) return wait_for(2, Clock::now()) ? 0 : 1;
  settler_.start();
  heartbeat_.start();
  upkeep_.start();
  fetcher_.start();
  std::string queues;
  for (const QueueShare& queue : options_.queues)
    queues += (queues.empty() ? "" : ",") + queue.name;
  log_.info("working", {{"queues", std::string_view(queues)},
                        {"concurrency", static_cast<std::int64_t>(options_.concurrency)}});
  detail::tell_cut_concurrency(handlers_, options_, log_);
  watch_objectives();
  wait_for(1);
  board_.retire();
  fetcher_.stop();
  if (!wait_for(2, Clock::now())) log_.info("quiet: fetching no more");
  wait_for(2);
  drain();
  if (options_.print_stats_on_stop) print_stats();
  if (tracer_ != nullptr) write_trace();
  return 0;
}

void Worker::Impl::drain() {
  const auto until = Clock::now() + options_.stop_within;
  log_.info("stopping", {{"jobs_in_flight", in_flight_.books().jobs_out},
                         {"within_ms", static_cast<std::int64_t>(options_.stop_within.count())}});
  upkeep_.stop();
  // The last tenth belongs to the handlers that run: nothing new is started in it.
  const auto at_once = [&] { return wait_for(3, Clock::now()); };
  const auto last_start = until - options_.stop_within / 10;
  if (at_once() || Clock::now() >= last_start) {
    pipeline_.drain();
  } else {
    pipeline_.flush_for_stop();
  }
  settler_.tell_everything();
  while (!in_flight_.wait_until_empty(std::min(last_start, Clock::now() + milliseconds{20}))) {
    if (Clock::now() >= last_start || at_once()) break;
  }
  if (in_flight_.books().jobs_out > 0) {
    pipeline_.drain();
    while (pipeline_.running() > 0 && Clock::now() < until && !at_once()) {
      std::this_thread::sleep_for(milliseconds{1});
    }
    release_rest();
  }
  settler_.stop();
  heartbeat_.stop();
  in_flight_.close();
  redis::Connection connection(options_.redis);
  try {
    connection.connect();
    leases_.leave(connection);
  } catch (const Error&) {
    // The lease runs out by itself.
  }
  abandoned_ = pipeline_.running() > 0;
  if (abandoned_) {
    log_.warning("handlers still run after the time allowed; their jobs were given back",
                 {{"handlers", static_cast<std::int64_t>(pipeline_.running())}});
  }
  log_.info("stopped");
}

/// Gives back what has no outcome yet: whole envelopes as they are, the open jobs of partly settled
/// ones as envelopes of their own.
void Worker::Impl::release_rest() {
  // What the handlers said until now is told first; the settle thread ends with its inbox.
  settler_.stop();
  redis::Connection connection(options_.redis);
  try {
    const std::uint64_t jobs =
        detail::give_back(connection, leases_, in_flight_.all(), adopter_.take_claimed());
    metrics_.update([&](WorkerStats& stats) { stats.released += jobs; });
    log_.info("gave back what could not finish", {{"jobs", static_cast<std::int64_t>(jobs)}});
  } catch (const Error& e) {
    log_.error("could not give jobs back; they run again when the lease ends",
               {{"reason", std::string_view(e.what())}});
  }
}

WorkerStats Worker::Impl::stats() const {
  home_.require(worker_here);
  WorkerStats stats = metrics_.snapshot();
  add_meter(stats, fetcher_.meter());
  add_meter(stats, settler_.meter());
  const auto books = in_flight_.books();
  stats.credit_jobs_free = books.jobs_free;
  stats.credit_jobs_out = books.jobs_out;
  stats.credit_jobs_total = books.jobs_total;
  stats.objectives = objectives_.stats(Clock::now());
  return stats;
}

void Worker::Impl::print_stats() const {
  const WorkerStats all = stats();
  const std::string text =
      options_.log.format == LogFormat::json ? all.to_json() + "\n" : all.to_text();
  std::fputs(text.c_str(), stderr);
}

/// Returns: null when nobody wants to know.
detail::Settler::Told Worker::Impl::watch_told() {
  if (tracer_ == nullptr && options_.objectives.empty()) return nullptr;
  return [this](const detail::LeasedEnvelope& envelope, Clock::time_point now, std::uint64_t wall) {
    if (tracer_ != nullptr) tracer_->told(envelope, now);
    objectives_.told(envelope, now, wall);
  };
}

/// Until quiet or stop is asked for: afterwards latencies are those of a worker that ends.
void Worker::Impl::watch_objectives() {
  while (!options_.objectives.empty() && !wait_for(1, Clock::now() + std::chrono::seconds{1})) {
    log_changes(log_, objectives_.look(Clock::now()));
  }
}

void Worker::Impl::write_trace() const {
  const std::string_view file = options_.trace_file;
  const std::string trouble = tracer_->write();
  if (trouble.empty()) return log_.info("wrote the trace", {{"file", file}});
  log_.error("the trace could not be written",
             {{"file", file}, {"reason", std::string_view(trouble)}});
}

Worker::Worker(WorkerOptions options, Handlers handlers)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handlers))) {}

Worker::~Worker() {
  // A handler that never ends cannot be stopped, and destroying its surroundings would crash the
  // process that is about to end: its surroundings stay. So they do in a child that was forked
  // meanwhile, where their threads are missing.
  if (impl_->abandoned()) static_cast<void>(impl_.release());
}

int Worker::run() { return impl_->run(); }
void Worker::stop() { impl_->ask(2); }
void Worker::stop_now() { impl_->ask(3); }
void Worker::quiet() { impl_->ask(1); }
WorkerStats Worker::stats() const { return impl_->stats(); }

}  // namespace ferry
