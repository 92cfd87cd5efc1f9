#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/handlers.hpp"
#include "ferry/policy.hpp"

namespace ferry {

/// One option of an experiment's own: `--<name> VALUE` on its command line.
struct Setting {
  std::string name;   ///< lower-case letters, digits and dashes; none of Ferry's own option names
  std::string value;  ///< the default
  std::string help;   ///< one line
};

/// What every process of a comparison is told before it does anything else.
struct Setup {
  /// A folder that all processes of one comparison share; removed at its end.
  std::filesystem::path scratch;
  /// By name: what the command line says, else the default.
  std::map<std::string, std::string> settings;
};

/// Some work and its handler, so that Ferry can measure the same handler under several policies.
///
/// Producer and worker run as processes of their own: the callbacks of one process share memory,
/// those of two share only what lies in the scratch folder or outside.
struct Experiment {
  /// `[A-Za-z0-9_.-]{1,64}`
  std::string name;
  /// One sentence: what a job does and what a batch saves.
  std::string story;
  /// `[A-Za-z0-9_.-]{1,64}`
  std::string queue = "experiment";
  /// The program's own options, shown by `--help`.
  std::vector<Setting> settings;

  /// Optional; called first, in every process.
  std::function<void(const Setup&)> configure;
  /// Optional; in the producer, before the clock starts: finds or makes the input.
  std::function<void(std::size_t limit)> prepare;
  /// Enqueues the whole input at once, or its first `limit` jobs; 0 = all of it.
  std::function<void(Client&, std::size_t limit)> produce;
  /// Optional; enqueues one job of the input with `enqueue_async` and returns its receipt; with it
  /// `compare --rates` can offer jobs at a rate. `index` counts from 0 and does not end with the
  /// input: begin anew.
  std::function<Receipt(Client&, std::size_t index)> produce_one;
  /// The same handler, under a policy. Called once per worker process.
  std::function<Handlers(const Policy&)> handlers;
  /// Optional; before each run: empties what the last one filled.
  std::function<void()> reset;
  /// Optional; after each run, with the number of jobs done: throws when the work is not really
  /// there, which makes the run an error and never a row.
  std::function<void(std::int64_t jobs)> verify;
  /// Optional; after the last run: text for people which shows that the work was really done.
  std::function<std::string()> show;

  /// The rows of the table; the first is what the others are held against.
  std::vector<Policy> policies = {realtime(), fixed(10, std::chrono::milliseconds{5}),
                                  fixed(100, std::chrono::milliseconds{5}),
                                  fixed(500, std::chrono::milliseconds{20}), realtime(500)};
};

/// The main function of a program that can be compared.
///
/// `compare` runs every policy several times, in turns, and prints a table and a verdict: with all
/// jobs enqueued at once, or with `--rates` at several rates, which `--html` reports; `work`
/// and `produce` are its two halves for use by hand. `--help` says the rest.
///
/// Returns: 0, 1 when a run failed, 2 when the command line is wrong, 130 when interrupted.
/// Threads: call it from the main thread, before any other thread was started.
[[nodiscard]] int experiment_main(int argc, char** argv, const Experiment& experiment);

}  // namespace ferry
