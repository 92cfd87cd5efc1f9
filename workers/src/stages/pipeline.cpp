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
#include "fitting.hpp"
#include "functions/keys.hpp"
#include "pressure/flow_rule.hpp"
#include "stages/alarm.hpp"
#include "stages/batch.hpp"
#include "stages/budget.hpp"
#include "stages/come_again.hpp"
#include "stages/decode_stage.hpp"
#include "stages/hand_over.hpp"
#include "stages/processor_wait.hpp"
#include "stages/running_groups.hpp"
#include "stages/stage_clock.hpp"
#include "stages/thread_names.hpp"
#include "stages/wall_clock.hpp"

namespace ferry::detail {
namespace {

using Clock = std::chrono::steady_clock;
namespace flow = oneapi::tbb::flow;

/// How long a group of short jobs may take before those behind are given to others.
constexpr std::chrono::milliseconds slow_group{5};

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
  Graph(Settings settings, const Handlers& handlers, const Leases& leases,
        const ControlBoard& board, InFlight& in_flight, Metrics& metrics, const Log& log,
        Outlets outlets)
      : settings_(std::move(settings)),
        handlers_(handlers.all()),
        leases_(leases),
        board_(board),
        in_flight_(in_flight),
        metrics_(metrics),
        log_(log),
        outlets_(std::move(outlets)),
        decode_stage_(handlers_, settings_.queue_names, settings_.max_deliveries,
                      settings_.unknown_kind, settings_.max_inflated_bytes, board, log),
        stage_(handlers_, settings_.concurrency, board),
        clock_(settings_.concurrency, handlers_),
        allow_threads_(oneapi::tbb::global_control::max_allowed_parallelism, threads_allowed),
        arena_(static_cast<int>(settings_.concurrency), 0),
        caller_run_([this] { return outlets_.take_over(); }),
        alarm_([this] { tell_batch(Tick{}); }),
        watch_([this] { look_around(); }) {
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

  void pause(std::uint32_t queue) {
    // What a group has not begun comes back to the batch stage and goes from there.
    open_groups(Clock::now(), [](const Run&) { return true; });
    tell_batch(PauseQueue{queue});
  }

  bool may_share() const { return stage_.may_share(); }
  void share(std::uint32_t queue, std::size_t workers) { tell_batch(ShareQueue{queue, workers}); }
  std::size_t wanted(std::string_view kind) const { return stage_.wanted(kind); }
  std::vector<EnvelopeSize> envelope_sizes() const { return stage_.envelope_sizes(); }

  void flush_for_stop() { tell_batch(FlushForStop{}); }

  void drain() {
    drained_ = true;
    decode_stage_.deferred().close();
    open_groups(Clock::now(), [](const Run&) { return true; });
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
    auto [decoded, deferred, crowded] = decode_stage_.handle(envelopes);
    if (deferred) watch_.set(Clock::now() + deferred_for);
    if (crowded) tell_batch(Crowded{});
    if (!decoded.arrivals.empty()) {
      tell_batch(Arrived{std::make_shared<std::vector<Arrival>>(std::move(decoded.arrivals))});
    }
    outlets_.report(std::move(decoded.report));
  }

  void batch(const BatchEvent& event, BatchNode::output_ports_type& out) {
    taken_over(&stage_);
    const auto now = Clock::now();
    if (const auto* arrived = std::get_if<Arrived>(&event)) clock_.arrived(*arrived->arrivals, now);
    const auto* free = std::get_if<RunnerFree>(&event);
    if (free != nullptr) clock_.runner_free(free->kind, now);
    const std::size_t capacity = in_flight_.capacity();
    stage_.set_bounds(for_company(capacity), capacity / 4);
    stage_.handle(event, now);
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
    const FlowState& flow = stage_.flow();
    in_flight_.set_flow({flow.not_in_hand + come_again_.size(), flow.may_fetch, flow.all_fast,
                         flow.is_ahead, flow.at_once});
    if (auto leavings = stage_.take_leavings(); !leavings.empty()) {
      Report report;
      report.at = now;
      report.leavings = std::move(leavings);
      outlets_.report(std::move(report));
    }
  }

  void run(const RunPtr& run) {
    taken_over(run.get());
    const RawHandler& handler = handlers_[run->kind];
    // Here a job begins, on whatever way it came. What does not begin any more is given back by the
    // release.
    if (drained_) {
      run->places.clear();
      return finish(run, {0, 0}, 0);
    }
    if (!run->unnoted.empty()) {
      come_again_.add(*run, Clock::now());
      watch_.set(Clock::now() + QueueHealth::rest);
    }
    outlets_.report(take_lost(*run, leases_));
    outlets_.report(take_paused(*run, board_));
    outlets_.report(take_expired(*run, wall_us() / 1000));
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
        if (run->suspect == Suspect::no) {
          groups_.add(run);
          watch_.set(run->started + slow_group);
        }
        run_group(handler, *run);
        groups_.remove(run);
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

  void look_around() {
    help_slow_groups();
    decode_stage_.deferred().retry(
        [this](std::vector<EnvelopePtr> again) { arrive(std::move(again), CallerMay::hand_over); });
    const auto now = Clock::now();
    if (auto arrivals = come_again_.take(now); !arrivals.empty()) {
      tell_batch(Arrived{std::make_shared<std::vector<Arrival>>(std::move(arrivals))});
    }
    if (const auto due = come_again_.due()) watch_.set(*due);
    if (const auto look = caller_run_.look(now)) watch_.set(*look);
  }

  /// When one of a group takes long after all, those before it are told and those behind it go back
  /// to wait for another runner.
  void help_slow_groups() {
    const auto now = Clock::now();
    open_groups(now, [&](const Run& run) {
      const bool slow = now >= run.started + slow_group;
      if (!slow) watch_.set(run.started + slow_group);
      return slow;
    });
  }

  template <typename Which>
  void open_groups(Clock::time_point now, Which which) {
    const auto wall = std::chrono::system_clock::now();
    groups_.open(which, [&](Run& run, GroupCursor::Ended ended, GroupCursor::Ended rest) {
      metrics_.update([&](WorkerStats& stats) {
        StageClock::ended(stats.stages, run, ended, now);
        StageClock::not_begun(stats.stages, run, rest, now, wall_us());
      });
      report(run, ended, now);
      if (rest.from == rest.to) return;
      auto arrivals = std::make_shared<std::vector<Arrival>>();
      for (std::size_t i = rest.from; i < rest.to; ++i) {
        const Run::Place& place = run.places[i];
        arrivals->push_back(arrival_of(*place.envelope, place.index, run.kind, now, wall));
      }
      tell_batch(Arrived{std::move(arrivals)});
    });
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
                          ticket_of(*run), run->batch.id});
  }

  Settings settings_;
  const std::vector<RawHandler>& handlers_;
  const Leases& leases_;
  const ControlBoard& board_;
  InFlight& in_flight_;
  Metrics& metrics_;
  const Log& log_;
  Outlets outlets_;
  DecodeStage decode_stage_;
  BatchStage stage_;
  StageClock clock_;
  std::atomic<std::size_t> running_{0};
  std::atomic<bool> drained_{false};

  oneapi::tbb::global_control allow_threads_;
  oneapi::tbb::task_arena arena_;
  ThreadNames thread_names_{arena_};
  std::unique_ptr<flow::graph> graph_;
  std::unique_ptr<DecodeNode> decode_;
  std::unique_ptr<BatchNode> batch_;
  std::unique_ptr<RunNode> run_;
  CallerRun caller_run_;
  RunningGroups groups_;
  ComeAgain come_again_;
  Alarm alarm_;
  Alarm watch_;
};

Pipeline::Pipeline(Settings settings, const Handlers& handlers, const Leases& leases,
                   const ControlBoard& board, InFlight& in_flight, Metrics& metrics, const Log& log,
                   Outlets outlets)
    : graph_(std::make_unique<Graph>(std::move(settings), handlers, leases, board, in_flight,
                                     metrics, log, std::move(outlets))) {}
Pipeline::~Pipeline() = default;

bool Pipeline::arrive(std::vector<EnvelopePtr> envelopes, CallerMay may) {
  return graph_->arrive(std::move(envelopes), may);
}
void Pipeline::run_suspect(RunPtr run) { graph_->run_suspect(std::move(run)); }
void Pipeline::pause(std::uint32_t queue) { graph_->pause(queue); }
bool Pipeline::may_share() const { return graph_->may_share(); }
void Pipeline::share(std::uint32_t queue, std::size_t workers) { graph_->share(queue, workers); }
std::size_t Pipeline::wanted(std::string_view kind) const { return graph_->wanted(kind); }
std::vector<EnvelopeSize> Pipeline::envelope_sizes() const { return graph_->envelope_sizes(); }
void Pipeline::flush_for_stop() { graph_->flush_for_stop(); }
void Pipeline::drain() { graph_->drain(); }
std::size_t Pipeline::running() const { return graph_->running(); }

}  // namespace ferry::detail
