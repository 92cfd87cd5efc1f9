#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/ledger.hpp"
#include "model/operation.hpp"
#include "model/random_source.hpp"
#include "model/twin.hpp"
#include "model/worker_mind.hpp"

namespace ferry::model {

struct SimulationOptions {
  std::uint64_t seed = 1;
  std::size_t producers = 6;
  std::size_t workers = 6;
};

/// Many producers and workers on one queue, in one thread, with lost replies, calls that arrive
/// again, crashes, long pauses and jumps of the clock. Equal seeds make equal histories.
class Simulation {
 public:
  /// Sees each call and what the twin did; may return what is wrong with it.
  using Observer = std::function<std::string(const Operation&, const Answer&, const Twin&)>;

  explicit Simulation(const SimulationOptions& options, Observer observer = nullptr);

  /// Returns: false when something is wrong.
  bool step();
  /// No more faults: everything that was accepted must come to its end.
  bool drain();

  const std::string& wrong() const { return wrong_; }
  /// What happened so far, in one paragraph.
  std::string summary() const;

 private:
  struct Producer {
    std::string name;
    std::int64_t sequence = 1;
    std::optional<SentCall> call{};  ///< not answered yet
    bool lost = false;               ///< it may have been stored
  };
  struct Worker {
    WorkerMind mind{};
    std::int64_t renewed_at = 0;
    std::int64_t asleep_until = 0;
    bool keeps = false;  ///< the queue: it looks for what can be claimed
    std::vector<std::pair<std::size_t, std::string>> holders{};  ///< it was told of
  };

  Answer call(const SentCall& sent);
  bool reply_is_lost();
  void remember(const SentCall& sent);

  void pass_time();
  void produce(Producer& producer);
  SentCall next_call(Producer& producer);
  void work(Worker& worker);
  void take(Worker& worker);
  void live(Worker& worker);
  void claim(Worker& worker, std::size_t digit, const std::string& holder);
  void tell(Worker& worker);
  SentCall next_report(Worker& worker);
  std::string leaving(const HeldEnvelope& held);
  void adopt(Worker& worker, const std::vector<HeldEnvelope>& list, bool answered);
  void crash(Worker& worker);
  void repeat_an_old_call();
  void keep_up();
  void decide_about_dead_letters();

  RandomSource random_;
  Observer observer_;
  Twin twin_;
  Ledger ledger_;
  std::int64_t now_ = 1'700'000'000'000;
  std::int64_t next_job_ = 1;
  std::vector<Producer> producers_;
  std::vector<Worker> workers_;
  std::size_t names_ = 0;
  std::vector<SentCall> old_calls_;
  std::map<std::string, std::size_t> events_;
  std::string wrong_;
};

}  // namespace ferry::model
