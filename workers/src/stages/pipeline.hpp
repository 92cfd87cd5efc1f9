#pragma once

// The flow graph between the fetch thread and the settle thread.
//
//   envelopes ─> decode ─> batch ─> run ──report──> settle thread
//                  │         ^ ^      │
//                  │         │ └─free─┘
//                  │       alarm, flush
//                  └──report (expired, unknown kind, undecodable)──> settle thread
//
// `decode` is serial, so that urgent jobs are not overtaken, and cheap (some 15 ns a job; payloads
// are decoded where they run). `batch` is serial around pure code (batching/batcher.hpp). Both run
// in the thread that brings the message, so the arena's threads are the handlers'; what is queued
// while they are busy may wait for one of those, but with all of them taken no batch could leave.
// Runs go side by side. Nothing leaves a node by exception.
//
// An idle worker saves the way to another thread: the one that fetched runs a handler that is known
// to be short (batching/short_runs.hpp), and somebody else fetches when it takes long after all
// (batching/caller_run.hpp).

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control_board.hpp"
#include "ferry/handlers.hpp"
#include "in_flight.hpp"
#include "leases.hpp"
#include "log/log.hpp"
#include "metrics.hpp"
#include "pressure/envelope_size.hpp"
#include "stages/leased_envelope.hpp"
#include "stages/open.hpp"
#include "stages/report.hpp"
#include "stages/run.hpp"
#include "trace/tracer.hpp"

namespace ferry::detail {

/// Owns the graph, its threads and the handlers that run in it.
///
/// Threads: all functions may be called from any thread.
class Pipeline {
 public:
  struct Settings {
    std::vector<std::string> queue_names;
    std::size_t concurrency = 1;
    int max_deliveries = 3;
    UnknownKind unknown_kind = UnknownKind::waits;
    std::size_t max_inflated_bytes = 64 * 1024 * 1024;
    Opening opening{};
    bool measure_processor_wait = false;
    Tracer* tracer = nullptr;  ///< null = no trace is asked for
  };
  /// Where the graph's results go.
  struct Outlets {
    std::function<void(Report)> report;
    std::function<void(RunPtr)> suspect;  ///< to be noted in Redis, then given to `run_suspect`
    std::function<bool()> take_over;      ///< fetch in place of a caller that runs a handler
  };

  Pipeline(Settings settings, const Handlers& handlers, const Leases& leases,
           const ControlBoard& board, InFlight& in_flight, Metrics& metrics, const Log& log,
           Outlets outlets);

  /// Waits for running handlers.
  ~Pipeline();

  /// A caller that may run a handler must be the one that fetches.
  ///
  /// Returns: whether the caller still fetches; false when it ran a handler for so long that
  /// `Outlets::take_over` was called, and must fetch no more.
  bool arrive(std::vector<EnvelopePtr> envelopes, CallerMay may);
  void run_suspect(RunPtr run);

  /// A queue is paused: what of it has not begun goes back.
  void pause(std::uint32_t queue);

  /// Whether jobs wait here that another worker might begin sooner.
  bool may_share() const;
  /// Gives jobs of a queue that would wait long here to its other workers, of which there are so
  /// many with this one.
  void share(std::uint32_t queue, std::size_t workers);
  /// Returns: how many more jobs of a kind could begin here soon.
  std::size_t wanted(std::string_view kind) const;

  /// Returns: how many jobs of each kind an envelope should carry; views into the pipeline.
  std::vector<EnvelopeSize> envelope_sizes() const;

  /// What is held, and what still arrives, leaves as soon as handlers are free.
  void flush_for_stop();

  /// Starts no handler any more; what is held stays for the release.
  void drain();

  /// Handlers that are running.
  std::size_t running() const;

 private:
  class Graph;
  std::unique_ptr<Graph> graph_;
};

}  // namespace ferry::detail
