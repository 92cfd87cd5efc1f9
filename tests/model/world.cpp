#include "model/world.hpp"

#include <algorithm>

#include "model/small_envelope.hpp"

namespace ferry::model {
namespace {

// Time stands still in a world. What time would do are steps: a worker is silent for longer than
// its lease, a job becomes due.
constexpr std::int64_t now = 1'000'000;
constexpr std::int64_t lease = 1000;
constexpr std::int64_t delay = 1;  // as WorkerMind::settle says it
constexpr std::size_t digit = 1;

std::string envelope_of(std::size_t sequence, const WorldLimits& limits) {
  return small_envelope(static_cast<std::int64_t>(16 * sequence), limits.jobs_in_an_envelope);
}

}  // namespace

World::World(const WorldLimits& limits, const Flaw* flaw) : limits_(&limits), flaw_(flaw) {}

void World::blame(const std::string& what) {
  if (wrong_.empty()) wrong_ = what;
}

Answer World::call(const SentCall& sent) {
  const Twin before = twin_;
  const std::int64_t at = sent.function == "promote" ? now + delay : now;
  if (sent.function == "reclaim" || sent.function == "look") {
    twin_.memory.watch = Memory::Watch{0, now, lease};  // no grace
  }
  const Answer answer = twin_.call(sent.function, digit, sent.args, at);
  if (flaw_ != nullptr) (*flaw_)(sent, answer, before, twin_);
  twin_.memory = {};
  blame(ledger_.look(sent, answer, before, twin_));
  return answer;
}

// --- What can be done ---

void World::enqueue(std::size_t sequence, bool answered) {
  sent_ = std::max(sent_, sequence);
  const std::string number = std::to_string(sequence);
  const Answer answer = call({"enqueue",
                              {"p", number, std::to_string(limits_->max_jobs), "0", "0", "6", "0",
                               "1", envelope_of(sequence, *limits_)},
                              {}});
  if (answered && (answer.starts_with("OK") || answer.starts_with("DUP"))) {
    answered_ = std::max(answered_, sequence);
  }
  const std::int64_t depth = twin_.counters.ready() + twin_.counters.delayed;
  if (answer.starts_with("OK") && limits_->max_jobs > 0 && depth > limits_->max_jobs) {
    blame("more jobs than the bound allows");
  }
  if (answer.starts_with("GAP")) blame("a gap where nothing was lost");
}

void World::enroll(std::size_t who) {
  WorkerMind& mind = workers_[who];
  mind.name = static_cast<char>('a' + who) + std::to_string(++mind.born);
  call({"register", {mind.name}});
}

void World::fetch(std::size_t who, bool answered) {
  WorkerMind& mind = workers_[who];
  for (const HeldEnvelope& held : fetched(digit, call({"fetch", {mind.name, "1"}}))) {
    ledger_.gave(held.key, mind.name);
    if (answered) mind.adopt(held);
  }
}

void World::fall_silent(const std::string& name) {
  const auto worker = twin_.workers.find(name);
  if (worker != twin_.workers.end()) worker->second = now - lease - 1;
}

void World::reclaim(std::size_t who, bool answered) {
  WorkerMind& mind = workers_[who];
  const Answer answer = call({"reclaim", {mind.name, std::to_string(lease), "200"}});
  if (answer.starts_with("STALE")) return mind.forget();
  for (const HeldEnvelope& held : reclaimed(answer)) {
    ledger_.gave(held.key, mind.name);
    if (answered) mind.adopt(held);
  }
}

Answer World::look(std::size_t who) {
  const Answer answer = call({"look", {workers_[who].name, std::to_string(lease)}});
  if (answer.starts_with("STALE")) workers_[who].forget();
  return answer;
}

void World::claim(std::size_t who, const std::string& holder, bool answered) {
  WorkerMind& mind = workers_[who];
  const Answer answer = call({"claim", {mind.name, holder, "200", "0"}});
  if (answer.starts_with("STALE")) return mind.forget();
  for (const HeldEnvelope& held : claimed(digit, answer, twin_)) {
    ledger_.gave(held.key, mind.name);
    if (answered) mind.adopt(held);
  }
}

// A worker that lost replies looks up what is pending under its name.
void World::recover(std::size_t who) {
  WorkerMind& mind = workers_[who];
  for (const auto& [id, pending] : twin_.streams[digit].pending) {
    if (pending.worker != mind.name || mind.holds.contains({digit, id})) continue;
    const std::string& envelope = twin_.streams[digit].entries.at(id).envelope;
    const auto known = twin_.progress.find(field_of(digit, id));
    const std::string marks =
        known == twin_.progress.end() ? std::string(*jobs_in(envelope), '.') : known->second;
    mind.adopt({{digit, id}, envelope, marks, pending.deliveries > 1});
  }
}

void World::send(std::size_t who, const SentCall& sent, bool answered) {
  WorkerMind& mind = workers_[who];
  mind.unanswered = sent;
  const Answer answer = call(sent);
  if (answered) mind.learn(answer);
}

std::string World::drained() const {
  World after = *this;
  for (WorkerMind& mind : after.workers_) mind.forget();
  for (auto& [name, seen] : after.twin_.workers) after.fall_silent(name);
  after.enroll(0);
  WorkerMind& mind = after.workers_[0];
  // Twice: what was parked comes back as a bundle.
  for (int round = 0; round < 2; ++round) {
    if (limits_->leaving.empty()) {
      after.reclaim(0, true);
    } else {
      const Answer seen = after.look(0);
      for (std::size_t i = 1; i < seen[2].parts.size(); i += 3) {
        after.claim(0, seen[2][i].text, true);
      }
    }
    while (!after.twin_.streams[digit].entries.empty()) {
      if (mind.holds.empty()) after.fetch(0, true);
      if (mind.holds.empty()) return "there is an entry that nobody gets";
      const HeldEnvelope held = mind.holds.begin()->second;
      std::string told;
      for (const char mark : held.marks) told += mark == 'x' ? '.' : 'd';
      after.send(0, mind.settle(held, told), true);
      if (mind.holds.contains(held.key)) return "an envelope cannot be settled";
    }
    after.call({"promote", {"500", "100000"}});
  }
  const Counters& c = after.twin_.counters;
  if (c.ready() != 0 || c.delayed != 0) return "jobs are left that cannot be worked on";
  if (!after.twin_.progress.empty()) return "progress is left";
  if (after.ledger_.live() != after.twin_.dead.at.size()) return "a job is lost";
  return after.wrong_;
}

}  // namespace ferry::model
