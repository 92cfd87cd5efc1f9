// Everything that can happen next in a world, and which worlds are the same.
#include <algorithm>
#include <set>

#include "model/small_envelope.hpp"
#include "model/world.hpp"

namespace ferry::model {
namespace {

constexpr std::size_t digit = 1;

}  // namespace

std::vector<World::Step> World::steps() const {
  std::vector<Step> steps;
  producer_steps(steps);
  for (std::size_t who = 0; who < workers_.size(); ++who) worker_steps(who, steps);
  upkeep_steps(steps);
  return steps;
}

// The next call, with or without a reply; and any old one, late and again.
void World::producer_steps(std::vector<Step>& steps) const {
  for (std::size_t sequence = 1; sequence <= sent_; ++sequence) {
    steps.push_back({"enqueue " + std::to_string(sequence) + " arrives late",
                     [=](World& w) { w.enqueue(sequence, false); }});
  }
  const std::size_t next = answered_ + 1;
  if (next > limits_->envelopes) return;
  for (const bool answered : {true, false}) {
    steps.push_back({"enqueue " + std::to_string(next) + (answered ? "" : ", reply lost"),
                     [=](World& w) { w.enqueue(next, answered); }});
  }
}

void World::worker_steps(std::size_t who, std::vector<Step>& steps) const {
  const WorkerMind& mind = workers_[who];
  const std::string me(1, static_cast<char>('A' + who));
  const auto step = [&](const std::string& label, std::function<void(World&)> take) {
    steps.push_back({me + " " + label, std::move(take)});
  };
  if (mind.old && limits_->old_calls) {
    step("sent " + mind.old->function + " that arrives late",
         [who](World& w) { w.call(*w.workers_[who].old); });
  }
  if (mind.name.empty()) {
    if (mind.born < limits_->names) step("registers", [who](World& w) { w.enroll(who); });
    return;
  }
  if (crashes_ < limits_->crashes) {
    step("crashes", [who](World& w) {
      ++w.crashes_;
      w.workers_[who].forget();
    });
  }
  const auto alive = twin_.workers.find(mind.name);
  const bool silent = alive != twin_.workers.end() && alive->second < 1'000'000;
  if (alive != twin_.workers.end() && !silent) {
    step("is silent for a lease", [who](World& w) { w.fall_silent(w.workers_[who].name); });
  }
  if (silent || alive == twin_.workers.end()) {
    step("renews", [who](World& w) {
      WorkerMind& m = w.workers_[who];
      if (w.call({"renew", {m.name}}).starts_with("STALE")) m.forget();
    });
  }
  if (mind.unanswered) {
    for (const bool answered : {true, false}) {
      step("repeats " + mind.unanswered->function + (answered ? "" : ", reply lost"),
           [=](World& w) { w.send(who, *w.workers_[who].unanswered, answered); });
    }
    return;
  }
  for (const bool answered : {true, false}) {
    if (!answered && !limits_->lost_fetches) continue;
    if (mind.holds.size() >= limits_->envelopes) break;  // its credits
    const std::string lost = answered ? "" : ", reply lost";
    step("fetches" + lost, [=](World& w) { w.fetch(who, answered); });
    if (limits_->leaving.empty()) {
      step("reclaims" + lost, [=](World& w) { w.reclaim(who, answered); });
      continue;
    }
    for (const std::string& holder : holders()) {
      step("claims from " + holder + lost, [=](World& w) { w.claim(who, holder, answered); });
    }
    if (answered) step("looks", [who](World& w) { w.look(who); });
  }
  if (limits_->lost_fetches && mind.holds.empty())
    step("recovers", [who](World& w) { w.recover(who); });
  if (mind.holds.empty()) {
    step("leaves", [who](World& w) {
      w.call({"leave", {w.workers_[who].name}});
      w.workers_[who].forget();
    });
  }
  for (const auto& [id, held] : mind.holds) settle_steps(who, held, steps);
}

void World::settle_steps(std::size_t who, const HeldEnvelope& held,
                         std::vector<Step>& steps) const {
  const WorkerMind& mind = workers_[who];
  const auto tell = [&](const SentCall& sent) {
    for (const bool answered : {true, false}) {
      steps.push_back({std::string(1, static_cast<char>('A' + who)) + " " + sent.function + " " +
                           sent.told + (answered ? "" : ", reply lost"),
                       [=](World& w) { w.send(who, sent, answered); }});
    }
  };
  tell(mind.release(held));
  for (const SentCall& sent : leaving_calls(mind, held)) tell(sent);
  // A suspect is written down before it runs; one that was started too often is given up.
  if (held.suspect) {
    const SentCall start = mind.start(held, limits_->max_starts);
    if (start.args.size() > 1) return tell(start);
  }
  const std::vector<SmallJob> jobs = jobs_of(held.envelope);
  for (std::size_t i = 0; i < held.marks.size(); ++i) {
    if (held.marks[i] == 'x') continue;
    for (const char verb : limits_->verbs) {
      const bool retries = verb == 'r' || verb == 'p';
      if (retries && jobs[i].attempts + 1 >= limits_->max_attempts) continue;
      std::string told(held.marks.size(), '.');
      told[i] = verb;
      tell(mind.settle(held, told));
    }
  }
  tell(mind.done(held));
}

// All open jobs, each as a part; the first one alone; or the whole set aside.
std::vector<SentCall> World::leaving_calls(const WorkerMind& mind, const HeldEnvelope& held) const {
  std::vector<SentCall> calls;
  for (const char how : limits_->leaving) {
    if (how == 'a') {
      calls.push_back(mind.set_aside(held));
      continue;
    }
    // What was started as a suspect is not parked: its marks would be lost.
    const bool started = held.marks.find_first_of("123456789") != std::string::npos;
    if (how == 'l' && started) continue;
    std::string first(held.marks.size(), '.'), all = first;
    for (std::size_t i = held.marks.size(); i-- > 0;) {
      if (held.marks[i] == 'x') continue;
      all[i] = how;
      first.assign(held.marks.size(), '.')[i] = how;
    }
    calls.push_back(mind.part(held, first));
    if (all != first) calls.push_back(mind.part(held, all));
  }
  return calls;
}

/// Names under which something can be claimed.
std::vector<std::string> World::holders() const {
  std::set<std::string> names;
  for (const auto& [id, pending] : twin_.streams[digit].pending) {
    if (!twin_.workers.contains(pending.worker)) names.insert(pending.worker);
  }
  return {names.begin(), names.end()};
}

void World::upkeep_steps(std::vector<Step>& steps) const {
  if (!twin_.due.at.empty()) {
    for (const char* most : {"1", "500"}) {
      steps.push_back({std::string("promote ") + most, [most](World& w) {
                         w.call({"promote", {most, "100000"}});
                       }});
    }
  }
  if (purges_ < limits_->purges) {
    steps.push_back({"purge", [](World& w) {
                       ++w.purges_;
                       w.call({"purge", {"500"}});
                     }});
  }
  if (!twin_.dead.at.empty()) {
    const std::string name = twin_.dead.at.begin()->first;
    steps.push_back({"dead letter dropped", [name](World& w) { w.call({"dead_drop", {name}}); }});
    if (revivals_ >= limits_->revivals) return;
    steps.push_back({"dead letter retried", [name](World& w) {
                       ++w.revivals_;
                       const auto jobs = jobs_of(w.twin_.parked.at(name));
                       w.call({"dead_retry", {name, small_envelope(jobs[0].number, jobs.size())}});
                     }});
  }
}

// The two workers' own names, then those that they once had.
std::map<std::string, char> World::short_names(std::size_t first) const {
  std::map<std::string, char> names;
  for (const std::size_t who : {first, 1 - first}) {
    if (!workers_[who].name.empty()) names.emplace(workers_[who].name, who == first ? 'A' : 'B');
  }
  std::set<std::string> others;
  for (const auto& [id, pending] : twin_.streams[digit].pending) others.insert(pending.worker);
  for (const auto& [name, seen] : twin_.workers) others.insert(name);
  for (const WorkerMind& mind : workers_) {
    for (const auto* sent : {&mind.unanswered, &mind.old}) {
      if (*sent && (sent != &mind.old || limits_->old_calls)) others.insert((*sent)->args[0]);
    }
  }
  names.emplace(aside_holder, '~');
  for (const std::string& name : others) names.emplace(name, static_cast<char>('a' + names.size()));
  return names;
}

std::string World::canonical() const { return std::min(ordered(0), ordered(1)); }

std::string World::ordered(std::size_t first) const {
  const Stream& stream = twin_.streams[digit];
  std::set<EntryId> ids;
  for (const auto& [id, entry] : stream.entries) ids.insert(id);
  const std::map<std::string, char> names = short_names(first);
  // An entry that is gone does not come back: calls about it are all alike.
  const auto rank = [&](const EntryId& id) {
    if (!ids.contains(id)) return '!';
    return static_cast<char>('0' + std::distance(ids.begin(), ids.lower_bound(id)));
  };

  std::string text;
  const Counters& c = twin_.counters;
  for (const std::int64_t count : {c.accepted, c.done, c.expired, c.cancelled, c.delayed, c.dead}) {
    text += static_cast<char>('0' + count);
  }
  const auto producer = twin_.producers.find("p");
  text += static_cast<char>('0' + (producer == twin_.producers.end() ? 0 : producer->second.last));
  text += {static_cast<char>('0' + sent_),     static_cast<char>('0' + answered_),
           static_cast<char>('0' + crashes_),  static_cast<char>('0' + purges_),
           static_cast<char>('0' + revivals_), stream.has_group ? 'g' : '-'};
  text += std::to_string(std::distance(ids.begin(), ids.upper_bound(stream.delivered)));
  for (const auto& [id, entry] : stream.entries) {
    text += {'|', rank(id)};
    text += entry.envelope.substr(2) + entry.marks;
    const auto pending = stream.pending.find(id);
    if (pending != stream.pending.end()) {
      // Set aside, the number is that of the jobs, and above a thousand where it was begun.
      const int times = pending->second.deliveries;
      text += {'@', names.at(pending->second.worker), times > 1000 ? '3' : times > 1 ? '2' : '1'};
    }
    const auto marks = twin_.progress.find(field_of(digit, id));
    if (marks != twin_.progress.end()) text += "%" + marks->second;
  }
  std::set<std::string> alive;
  for (const auto& [name, seen] : twin_.workers) {
    alive.insert(std::string{names.at(name), seen < 1'000'000 ? 's' : 'w'});
  }
  for (const std::string& one : alive) text += one;
  for (const auto& [name, time] : twin_.due.at)
    text += "&" + name + twin_.parked.at(name).substr(2);
  for (const auto& [name, time] : twin_.dead.at)
    text += "#" + name + twin_.parked.at(name).substr(2);
  for (const std::size_t who : {first, 1 - first}) {
    const WorkerMind& mind = workers_[who];
    text += {'/', mind.name.empty() ? '-' : '+', static_cast<char>('0' + mind.born)};
    for (const auto& [key, held] : mind.holds) {
      text += {rank(key.second), held.suspect ? 's' : '.'};
      text += held.marks;
    }
    for (const auto* sent : {&mind.unanswered, &mind.old}) {
      text += ';';
      if (!*sent || (sent == &mind.old && !limits_->old_calls)) continue;
      text += {(*sent)->function[0], (*sent)->function[1], names.at((*sent)->args[0]),
               rank((*sent)->key.second)};
      text += (*sent)->told;
    }
  }
  return text;
}

}  // namespace ferry::model
