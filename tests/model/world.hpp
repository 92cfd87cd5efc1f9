#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/ledger.hpp"
#include "model/twin.hpp"
#include "model/worker_mind.hpp"

namespace ferry::model {

/// How large a world is, and what may go wrong in it how often.
struct WorldLimits {
  std::size_t envelopes = 2;
  std::size_t jobs_in_an_envelope = 1;
  std::int64_t max_jobs = 0;  ///< the producer's bound, 0 = none
  int max_attempts = 2;
  int max_starts = 2;  ///< deliveries of a suspect before it is given up
  int names = 2;       ///< a worker that was struck off comes back under a new one
  int crashes = 1;
  int purges = 1;
  int revivals = 1;          ///< dead letters that somebody sends back
  bool old_calls = true;     ///< a worker's last call may arrive once more, late
  bool lost_fetches = true;  ///< replies to fetch and reclaim may be lost, too
  /// What workers say of single jobs, see SentCall::told.
  std::string_view verbs = "derpf";
  /// How jobs leave a worker that cannot begin them: as parts, see SentCall::told; `a` set aside.
  std::string_view leaving = "";
};

/// A tampering with what the twin did, to see whether the exploration notices. Called after each
/// call with the twin as it was before.
using Flaw = std::function<void(const SentCall& call, const Answer& answer, const Twin& before,
                                Twin& after)>;

/// One producer, two workers and the queue between them.
class World {
 public:
  explicit World(const WorldLimits& limits, const Flaw* flaw = nullptr);

  struct Step {
    std::string label;
    std::function<void(World&)> take;
  };
  /// Everything that can happen next.
  std::vector<Step> steps() const;

  /// Returns: what went wrong in the steps so far, or nothing.
  const std::string& wrong() const { return wrong_; }

  /// The world without what does not matter: entry ids by their order, names by their owner, the
  /// two workers in either order.
  std::string canonical() const;

  /// Lets everything settle without any more faults: a new worker takes what the others left.
  ///
  /// Returns: what then is not at an end, or nothing.
  std::string drained() const;

 private:
  Answer call(const SentCall& sent);
  void blame(const std::string& what);

  void enqueue(std::size_t sequence, bool answered);
  void producer_steps(std::vector<Step>& steps) const;
  void worker_steps(std::size_t who, std::vector<Step>& steps) const;
  void settle_steps(std::size_t who, const HeldEnvelope& held, std::vector<Step>& steps) const;
  std::vector<SentCall> leaving_calls(const WorkerMind& mind, const HeldEnvelope& held) const;
  std::vector<std::string> holders() const;
  void upkeep_steps(std::vector<Step>& steps) const;

  void enroll(std::size_t who);
  void fetch(std::size_t who, bool answered);
  void reclaim(std::size_t who, bool answered);
  Answer look(std::size_t who);
  void claim(std::size_t who, const std::string& holder, bool answered);
  void recover(std::size_t who);
  void send(std::size_t who, const SentCall& sent, bool answered);
  void fall_silent(const std::string& name);

  std::map<std::string, char> short_names(std::size_t first) const;
  std::string ordered(std::size_t first) const;

  const WorldLimits* limits_;
  const Flaw* flaw_;
  Twin twin_;
  std::size_t sent_ = 0;      ///< the highest sequence that was sent
  std::size_t answered_ = 0;  ///< the highest sequence that was answered
  std::array<WorkerMind, 2> workers_;
  int crashes_ = 0, purges_ = 0, revivals_ = 0;
  Ledger ledger_;
  std::string wrong_;
};

}  // namespace ferry::model
