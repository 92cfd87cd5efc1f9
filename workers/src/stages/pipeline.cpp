#include "stages/pipeline.hpp"

#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

#include "batching/caller_run.hpp"
#include "stages/alarm.hpp"
#include "stages/batch.hpp"
#include "stages/budget.hpp"
#include "stages/decode.hpp"
#include "stages/hand_over.hpp"
#include "stages/processor_wait.hpp"
#include "stages/stage_clock.hpp"
#include "stages/thread_names.hpp"
#include "stages/wall_clock.hpp"
#include "wire/promised_bytes.hpp"

namespace ferry::detail {
namespace {

using Clock = std::chrono::steady_clock;
namespace flow = oneapi::tbb::flow;

/// How long a group of short jobs may take before those behind are given to others.
constexpr std::chrono::milliseconds slow_group{5};

/// How often a standing nuisance is logged.
constexpr std::chrono::minutes complaint_period{1};

/// When an envelope for which there was no memory is looked at again.
constexpr std::chrono::milliseconds deferred_for{2};

/// What oneTBB may start in this process. It takes the lowest value of all that are set, so every
/// worker of a process sets the same one; the arenas bound what each really uses.
constexpr std::size_t threads_allowed = 1100;

using Envelopes = std::shared_ptr<std::vector<EnvelopePtr>>;

/// Where a run goes that the thread on its way through `arrive` may take itself. It belongs to the
/// thread because a node may also be working off what another thread has brought.
thread_local RunPtr* own_run = nullptr;

}  // namespace

class Pipeline::Graph {
 public:
  Graph(Settings settings, const Handlers& handlers, const Leases& leases, Metrics& metrics,
        const Log& log, Outlets outlets)
      : settings_(std::move(settings)),
        handlers_(handlers.all()),
        leases_(leases),
        metrics_(metrics),
        log_(log),
        outlets_(std::move(outlets)),
        stage_(handlers_, settings_.concurrency),
        inflated_(settings_.max_inflated_bytes),
        clock_(settings_.concurrency, handlers_),
        allow_threads_(oneapi::tbb::global_control::max_allowed_parallelism, threads_allowed),
        arena_(static_cast<int>(settings_.concurrency), 0),
        caller_run_([this] { return outlets_.take_over(); }),
        alarm_([this] { tell_batch(Tick{}); }),
        watch_([this] { look_around(); }) {
    for (std::uint32_t i = 0; i < handlers_.size(); ++i) kinds_.emplace(handlers_[i].kind, i);
    arena_.execute([this] { build(); });
  }

  ~Graph() {
    arena_.execute([this] { graph_->wait_for_all(); });
  }

  bool arrive(std::vector<EnvelopePtr> envelopes, CallerMay may) {
    RunPtr own;
    if (may == CallerMay::run) own_run = &own;
    decode_->try_put(std::make_shared<std::vector<EnvelopePtr>>(std::move(envelopes)));
    own_run = nullptr;
    if (own == nullptr) return true;
    watch_.set(caller_run_.begin(Clock::now()));
    run(own);
    return caller_run_.end();
  }

  void run_suspect(RunPtr run) {
    hand_over(run.get());
    run_->try_put(std::move(run));
  }

  void flush_for_stop() { tell_batch(FlushForStop{}); }

  void drain() {
    {
      // From now on the envelopes belong to whoever releases them.
      const std::lock_guard lock(deferred_mutex_);
      draining_ = true;
    }
    tell_batch(Drain{});
  }

  std::size_t running() const { return running_; }

 private:
  using DecodeNode = flow::function_node<Envelopes, flow::continue_msg, flow::queueing_lightweight>;
  using BatchNode =
      flow::multifunction_node<BatchEvent, std::tuple<RunPtr>, flow::queueing_lightweight>;
  using RunNode = flow::function_node<RunPtr>;

  void tell_batch(const BatchEvent& event) {
    hand_over(&stage_);
    batch_->try_put(event);
  }

  void build() {
    graph_ = std::make_unique<flow::graph>();
    decode_ =
        std::make_unique<DecodeNode>(*graph_, flow::serial, [this](const Envelopes& in) noexcept {
          decode(*in);
          return flow::continue_msg{};
        });
    batch_ = std::make_unique<BatchNode>(
        *graph_, flow::serial,
        [this](const BatchEvent& event, BatchNode::output_ports_type& out) noexcept {
          batch(event, out);
        });
    run_ = std::make_unique<RunNode>(*graph_, flow::unlimited, [this](const RunPtr& run) {
      this->run(run);
      return flow::continue_msg{};
    });
    flow::make_edge(flow::output_port<0>(*batch_), *run_);
  }

  void decode(const std::vector<EnvelopePtr>& envelopes) {
    Decoded decoded;
    const auto now = Clock::now();
    const auto wall = std::chrono::system_clock::now();
    decoded.report.at = now;
    decoded.arrivals.reserve(envelopes.size());  // the jobs of most arrive together
    for (const EnvelopePtr& envelope : envelopes) {
      if (!take_memory(envelope)) continue;
      decode_envelope(*envelope, kinds_, settings_.max_deliveries, patience_, now, wall, decoded);
    }
    for (const Burial& burial : decoded.report.burials) {
      log_.error("an envelope cannot be decoded; it is a dead letter now",
                 {{"queue", std::string_view(settings_.queue_names[burial.envelope->queue])},
                  {"entry", std::string_view(burial.envelope->id.text())}});
    }
    if (!decoded.report.put_offs.empty()) complain_of_newer(*decoded.report.put_offs.front(), now);
    if (!decoded.arrivals.empty()) {
      tell_batch(Arrived{std::make_shared<std::vector<Arrival>>(std::move(decoded.arrivals))});
    }
    outlets_.report(std::move(decoded.report));
  }

  /// Each of them comes by twice a second.
  void complain_of_newer(const LeasedEnvelope& envelope, Clock::time_point now) {
    if (now < next_complaint_) return;
    next_complaint_ = now + complaint_period;
    log_.error(
        "envelopes of a newer version of Ferry wait for a newer worker; after an hour they are "
        "dead letters: replace this worker",
        {{"queue", std::string_view(settings_.queue_names[envelope.queue])},
         {"entry", std::string_view(envelope.id.text())}});
  }

  /// Returns: false when the envelope has to wait until others gave back what they inflated to.
  bool take_memory(const EnvelopePtr& envelope) {
    if (!envelope->may_inflate) return true;
    const std::size_t bytes = wire::promised_bytes(envelope->bytes);
    if (bytes == 0) return true;
    envelope->inflated = inflated_.take(bytes);
    if (envelope->inflated != nullptr) return true;
    {
      const std::lock_guard lock(watch_mutex_);
      deferred_.push_back(envelope);
    }
    watch_.set(Clock::now() + deferred_for);
    return false;
  }

  void decode_deferred() {
    const std::lock_guard deciding(deferred_mutex_);
    if (draining_) return;
    std::vector<EnvelopePtr> again;
    {
      const std::lock_guard lock(watch_mutex_);
      again.swap(deferred_);
    }
    if (!again.empty()) arrive(std::move(again), CallerMay::hand_over);
  }

  void batch(const BatchEvent& event, BatchNode::output_ports_type& out) {
    taken_over(&stage_);
    const auto now = Clock::now();
    if (const auto* arrived = std::get_if<Arrived>(&event)) clock_.arrived(*arrived->arrivals, now);
    const auto* free = std::get_if<RunnerFree>(&event);
    if (free != nullptr) clock_.runner_free(free->kind, now);
    stage_.handle(event);
    if (free != nullptr) clock_.allow(free->kind, stage_.allowed(free->kind), now);
    stage_.tell_learned(metrics_);
    while (RunPtr run = stage_.next(now)) {
      ++running_;
      clock_.left(*run, now);
      if (run->suspect != Suspect::no) {
        outlets_.suspect(std::move(run));
      } else if (own_run != nullptr && running_ == 1 && stage_.suits_caller(*run)) {
        *own_run = std::move(run);
      } else {
        hand_over(run.get());
        std::get<0>(out).try_put(std::move(run));
      }
    }
    if (const auto due = stage_.due()) alarm_.set(*due);
  }

  void run(const RunPtr& run) {
    taken_over(run.get());
    const RawHandler& handler = handlers_[run->kind];
    outlets_.report(take_lost(*run, leases_));
    if (run->late) outlets_.report(take_expired(*run, wall_us() / 1000));
    if (run->postponed_for.count() > 0) outlets_.report(take_postponed(*run));
    run->started = Clock::now();
    const std::uint64_t wall = wall_us();
    if (run->places.empty()) return finish(run, {0, 0}, 0);
    prepare(*run, settings_.queue_names);
    open_payloads(*run, settings_.opening);
    metrics_.update([&](WorkerStats& stats) { StageClock::started(stats, *run, wall); });
    if (handler.start) return start(run, handler);
    const auto waited_before = processor_wait();
    run->cursor.start(run->places.size());
    const bool group =
        handler.per_job && handler.policy.kind == PolicyKind::realtime && run->places.size() > 1;
    // A handler that uses oneTBB itself must not pick up another handler while it waits.
    oneapi::tbb::this_task_arena::isolate([&] {
      if (group) {
        // Suspects that were noted stay with those they were noted with.
        if (run->suspect == Suspect::no) watch(run);
        run_group(handler, *run);
        unwatch(run);
      } else {
        run_handler(handler, run->batch);
      }
    });
    run->waited_for_processor = processor_wait() - waited_before;
    const std::size_t jobs = group ? run->cursor.begun() : run->places.size();
    finish(run, group ? run->cursor.take_ended() : GroupCursor::Ended{0, jobs}, jobs);
  }

  std::chrono::nanoseconds processor_wait() const {
    return settings_.measure_processor_wait ? waited_for_processor() : std::chrono::nanoseconds{0};
  }

  void watch(const RunPtr& run) {
    {
      const std::lock_guard lock(watch_mutex_);
      groups_.push_back(run);
    }
    watch_.set(run->started + slow_group);
  }

  void unwatch(const RunPtr& run) {
    const std::lock_guard lock(watch_mutex_);
    std::erase(groups_, run);
  }

  void look_around() {
    help_slow_groups();
    decode_deferred();
    if (const auto look = caller_run_.look(Clock::now())) watch_.set(*look);
  }

  /// A group is made of jobs that were short lately. When one of them takes long after all, those
  /// before it are told and those behind it go back to wait for another runner.
  void help_slow_groups() {
    const std::lock_guard lock(watch_mutex_);
    const auto now = Clock::now();
    const auto wall = std::chrono::system_clock::now();
    for (const RunPtr& run : groups_) {
      if (now < run->started + slow_group) {
        watch_.set(run->started + slow_group);
        continue;
      }
      const auto ended = run->cursor.take_ended();
      const auto rest = run->cursor.take_rest();
      metrics_.update([&](WorkerStats& stats) {
        StageClock::ended(stats.stages, *run, ended, now);
        StageClock::not_begun(stats.stages, *run, rest, now, wall_us());
      });
      report(*run, ended, now);
      if (rest.from == rest.to) continue;
      auto arrivals = std::make_shared<std::vector<Arrival>>();
      for (std::size_t i = rest.from; i < rest.to; ++i) {
        const Run::Place& place = run->places[i];
        arrivals->push_back(arrival_of(*place.envelope, place.index, run->kind, now, wall));
      }
      tell_batch(Arrived{std::move(arrivals)});
    }
  }

  void report(const Run& run, GroupCursor::Ended ended, Clock::time_point at) {
    if (ended.from == ended.to) return;
    if (settings_.tracer != nullptr) settings_.tracer->ended(run, ended, at);
    const std::uint64_t wall = wall_us();
    Report report = judge(run, ended, handlers_[run.kind].options,
                          wall ^ (run.batch.id << 32U) ^ (ended.from << 16U), wall / 1000);
    report.at = at;
    if (!report.moves.empty()) {
      metrics_.update(
          [&](WorkerStats& stats) { StageClock::will_run_again(stats.stages, report, wall); });
    }
    outlets_.report(std::move(report));
  }

  void start(const RunPtr& run, const RawHandler& handler) {
    RawItem& item = run->batch.items.front();
    Completion completion([this, run](Outcome outcome) {
      run->batch.items.front().outcome = std::move(outcome);
      finish(run, {0, 1}, 1);
    });
    try {
      handler.start(item, completion);
    } catch (const std::exception& e) {
      completion.retry(e.what());
    } catch (...) {
      completion.retry("an exception that is not a std::exception");
    }
  }

  /// `untold`: the jobs whose outcomes have not been reported; `jobs`: how many were run in all.
  void finish(const RunPtr& run, GroupCursor::Ended untold, std::size_t jobs) {
    const auto now = Clock::now();
    const auto took = now - run->started;
    if (jobs > 0) {
      metrics_.update([&](WorkerStats& stats) {
        StageClock::ended(stats.stages, *run, untold, now);
        StageClock::returned(stats, *run, took);
      });
    }
    const auto settling = metrics_.settling();
    // Before the report: the envelopes may be gone right after it.
    auto budget =
        budget_report(*run, handlers_[run->kind].policy, jobs, {now, wall_us(), settling});
    report(*run, untold, now);
    --running_;
    tell_batch(RunnerFree{run->kind, run->suspect, jobs, took, std::move(budget), settling,
                          ticket_of(*run)});
  }

  Settings settings_;
  const std::vector<RawHandler>& handlers_;
  const Leases& leases_;
  Metrics& metrics_;
  const Log& log_;
  Outlets outlets_;
  KindIndex kinds_;
  Patience patience_;                   ///< decode node only
  Clock::time_point next_complaint_{};  ///< likewise
  BatchStage stage_;
  InflatedMemory inflated_;
  StageClock clock_;
  std::atomic<std::size_t> running_{0};

  oneapi::tbb::global_control allow_threads_;
  oneapi::tbb::task_arena arena_;
  ThreadNames thread_names_{arena_};
  std::unique_ptr<flow::graph> graph_;
  std::unique_ptr<DecodeNode> decode_;
  std::unique_ptr<BatchNode> batch_;
  std::unique_ptr<RunNode> run_;
  std::mutex watch_mutex_;
  CallerRun caller_run_;
  std::vector<RunPtr> groups_;         ///< that are running
  std::vector<EnvelopePtr> deferred_;  ///< not decoded yet, for want of memory
  std::mutex deferred_mutex_;          ///< held while they are decoded
  bool draining_ = false;
  Alarm alarm_;
  Alarm watch_;
};

Pipeline::Pipeline(Settings settings, const Handlers& handlers, const Leases& leases,
                   Metrics& metrics, const Log& log, Outlets outlets)
    : graph_(std::make_unique<Graph>(std::move(settings), handlers, leases, metrics, log,
                                     std::move(outlets))) {}
Pipeline::~Pipeline() = default;

bool Pipeline::arrive(std::vector<EnvelopePtr> envelopes, CallerMay may) {
  return graph_->arrive(std::move(envelopes), may);
}
void Pipeline::run_suspect(RunPtr run) { graph_->run_suspect(std::move(run)); }
void Pipeline::flush_for_stop() { graph_->flush_for_stop(); }
void Pipeline::drain() { graph_->drain(); }
std::size_t Pipeline::running() const { return graph_->running(); }

}  // namespace ferry::detail
