#include "model/simulation.hpp"

#include <algorithm>
#include <iterator>

#include "model/small_envelope.hpp"

namespace ferry::model {
namespace {

constexpr std::int64_t lease_ms = 1000;
constexpr std::int64_t most_jobs = 150;
constexpr int most_attempts = 3;
constexpr int most_starts = 3;

}  // namespace

Simulation::Simulation(const SimulationOptions& options, Observer observer)
    : random_(options.seed), observer_(std::move(observer)), workers_(options.workers) {
  for (std::size_t i = 0; i < options.producers; ++i) {
    producers_.push_back({"p" + std::to_string(i)});
  }
}

Answer Simulation::call(const SentCall& sent) {
  const Twin before = twin_;
  const Operation operation{sent.function, sent.key.first, sent.args, now_};
  const Answer answer = twin_.call(sent.function, sent.key.first, sent.args, now_);
  const bool refused = answer.starts_with("STALE") || answer.text == "STALE";
  ++events_[sent.function + (refused ? " that was stale" : "")];
  if (wrong_.empty()) wrong_ = ledger_.look(sent, answer, before, twin_);
  if (wrong_.empty() && answer.text.starts_with("error"))
    wrong_ = sent.function + ": " + answer.text;
  if (wrong_.empty() && observer_) wrong_ = observer_(operation, answer, twin_);
  if (!wrong_.empty()) wrong_ += "\nafter " + show(operation);
  return answer;
}

bool Simulation::reply_is_lost() {
  const bool lost = random_.one_in(12);
  if (lost) ++events_["reply lost"];
  return lost;
}

// The network may deliver it once more, any time.
void Simulation::remember(const SentCall& sent) {
  if (old_calls_.size() == 40) old_calls_.erase(old_calls_.begin());
  old_calls_.push_back(sent);
}

bool Simulation::step() {
  pass_time();
  const std::uint64_t who = random_.below(20);
  if (who < 6) {
    produce(producers_[random_.below(producers_.size())]);
  } else if (who < 17) {
    work(workers_[random_.below(workers_.size())]);
  } else if (who < 18) {
    repeat_an_old_call();
  } else {
    keep_up();
  }
  return wrong_.empty();
}

void Simulation::pass_time() {
  now_ += random_.pick({0, 1, 3, 10, 30});
  if (random_.one_in(400)) {
    ++events_["clock jumped"];
    now_ += random_.pick({-2500, -40, 900, 3500});
  }
}

// --- Producers ---

void Simulation::produce(Producer& producer) {
  if (!producer.call) producer.call = next_call(producer);
  const Answer answer = call(*producer.call);
  if (reply_is_lost()) {
    producer.lost = true;
    return;
  }
  if (answer.starts_with("OK") || answer.starts_with("DUP")) {
    if (answer.starts_with("DUP") && !producer.lost) wrong_ = "DUP for a call that was sent once";
    remember(*producer.call);
    ++producer.sequence;
    producer.lost = false;
    producer.call.reset();
  } else if (answer.starts_with("FULL")) {
    ++events_["full"];
    // Other jobs may take its place, unless the first sending may still be under way.
    if (!producer.lost) producer.call.reset();
  } else {
    wrong_ = "enqueue answered " + show(answer);
  }
}

SentCall Simulation::next_call(Producer& producer) {
  SentCall sent{"enqueue",
                {producer.name, std::to_string(producer.sequence), std::to_string(most_jobs), "0",
                 random_.one_in(4) ? "5000" : "0"}};
  for (std::uint64_t envelopes = 1 + random_.below(3); envelopes > 0; --envelopes) {
    const std::uint64_t jobs = random_.pick({1, 1, 2, 5});
    const std::uint64_t digit = random_.pick({1, 1, 0, 2});
    const std::uint64_t delay = random_.pick({0, 0, 0, 50, 2000});
    sent.args.insert(sent.args.end(), {std::to_string(5 + digit), std::to_string(delay),
                                       std::to_string(digit), small_envelope(next_job_, jobs)});
    next_job_ += static_cast<std::int64_t>(jobs);
  }
  return sent;
}

// --- Workers ---

void Simulation::work(Worker& worker) {
  if (now_ < worker.asleep_until) return;
  WorkerMind& mind = worker.mind;
  if (mind.name.empty()) {
    mind.name = "w" + std::to_string(++names_);
    worker.renewed_at = now_;
    call({"register", {mind.name}});
    return;
  }
  if (random_.one_in(150)) return crash(worker);
  if (random_.one_in(150)) {
    ++events_["worker slept"];
    worker.asleep_until = now_ + random_.pick({300, 1500, 4000});
    return;
  }
  if (now_ - worker.renewed_at > 250 || now_ < worker.renewed_at) {
    live(worker);
  } else if (mind.unanswered || (!mind.holds.empty() && !random_.one_in(4))) {
    tell(worker);
  } else {
    take(worker);
  }
}

// As workers of before do, or as those that are told what there is to claim.
void Simulation::live(Worker& worker) {
  const std::string& name = worker.mind.name;
  worker.renewed_at = now_;
  if (random_.one_in(3)) {
    if (call({"renew", {name}}).starts_with("STALE")) worker.mind.forget();
    return;
  }
  const Answer answer =
      call({"beat", {name, std::to_string(lease_ms), random_.one_in(10) ? "0" : "1"}});
  if (answer.starts_with("STALE")) return worker.mind.forget();
  worker.keeps = answer[4].text == "1";
  worker.holders.clear();
  for (std::size_t i = 0; i < answer[7].parts.size(); i += 3) {
    worker.holders.emplace_back(answer[7][i].text[0] - '0', answer[7][i + 1].text);
  }
}

void Simulation::claim(Worker& worker, std::size_t digit, const std::string& holder) {
  WorkerMind& mind = worker.mind;
  const Answer answer = call({"claim",
                              {mind.name, holder, random_.pick<std::string>({"1", "3", "200"}),
                               random_.pick<std::string>({"0", "2"})},
                              {digit, {}}});
  if (answer.starts_with("STALE")) return mind.forget();
  adopt(worker, claimed(digit, answer, twin_), !reply_is_lost());
}

void Simulation::take(Worker& worker) {
  WorkerMind& mind = worker.mind;
  if (worker.keeps && random_.one_in(4)) {
    if (call({"look", {mind.name, std::to_string(lease_ms)}}).starts_with("STALE")) mind.forget();
    return;
  }
  if (!worker.holders.empty() && random_.one_in(2)) {
    const auto [digit, holder] = random_.pick(worker.holders);
    return claim(worker, digit, holder);
  }
  if (random_.one_in(6)) {
    const std::string most = random_.pick<std::string>({"1", "3", "200"});
    const Answer answer = call({"reclaim", {mind.name, std::to_string(lease_ms), most}});
    if (answer.starts_with("STALE")) return mind.forget();
    return adopt(worker, reclaimed(answer), !reply_is_lost());
  }
  if (random_.one_in(30) && mind.holds.empty()) {
    call({"leave", {mind.name}});
    return mind.forget();
  }
  const std::size_t digit = random_.pick({1, 1, 0, 2});
  const std::string most = random_.pick<std::string>({"1", "2", "5"});
  const Answer answer = call({"fetch", {mind.name, most}, {digit, {}}});
  adopt(worker, fetched(digit, answer), !reply_is_lost());
}

// What a reply would have handed over and did not is the worker's all the same. It notices that a
// reply is missing and begins anew; others reclaim what it left.
void Simulation::adopt(Worker& worker, const std::vector<HeldEnvelope>& list, bool answered) {
  for (const HeldEnvelope& held : list) {
    ledger_.gave(held.key, worker.mind.name);
    if (answered) worker.mind.adopt(held);
  }
  if (!answered && !list.empty()) crash(worker);
}

void Simulation::crash(Worker& worker) {
  ++events_["worker crashed"];
  for (const auto& sent : {worker.mind.unanswered, worker.mind.old}) {
    if (sent) remember(*sent);
  }
  worker.mind.forget();
  worker.mind.old.reset();
}

void Simulation::tell(Worker& worker) {
  WorkerMind& mind = worker.mind;
  if (!mind.unanswered) mind.unanswered = next_report(worker);
  const SentCall sent = *mind.unanswered;
  const Answer answer = call(sent);
  if (reply_is_lost()) return;
  mind.learn(answer);
  // A copy of set_aside that arrives when the worker holds the envelope again sets it aside again:
  // it may run twice. Here each job is to run once.
  if (sent.function != "set_aside") remember(sent);
}

/// What becomes of an envelope that a worker cannot begin.
std::string Simulation::leaving(const HeldEnvelope& held) {
  std::string told;
  for (const char mark : held.marks) {
    const bool started = mark >= '1' && mark <= '9';
    const char how = random_.pick({'.', 'g', 'g', 'l', 'b'});
    told += mark == 'x' || (started && how == 'l') ? '.' : how;
  }
  if (told.find_first_not_of('.') == std::string::npos) return {};
  // Neighbours that go back together go as one part: no marks then.
  const bool any_started = held.marks.find_first_of("123456789") != std::string::npos;
  return any_started && told.find('l') != std::string::npos ? std::string() : told;
}

SentCall Simulation::next_report(Worker& worker) {
  const WorkerMind& mind = worker.mind;
  auto at = mind.holds.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random_.below(mind.holds.size())));
  const HeldEnvelope& held = at->second;
  const SentCall start = mind.start(held, most_starts);
  if (held.suspect && start.args.size() > 1) return start;
  if (random_.one_in(8)) return mind.release(held);
  if (random_.one_in(8)) return mind.set_aside(held);
  const std::string leaves = leaving(held);
  if (random_.one_in(6) && !leaves.empty()) return mind.part(held, leaves);
  if (random_.one_in(2)) return mind.done(held);
  const std::vector<SmallJob> jobs = jobs_of(held.envelope);
  std::string told;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const bool retries = jobs[i].attempts + 1 < most_attempts;
    const char verb = retries ? random_.pick({'.', 'd', 'd', 'e', 'r', 'p', 'f'})
                              : random_.pick({'.', 'd', 'd', 'f'});
    told += held.marks[i] == 'x' ? '.' : verb;
  }
  return mind.settle(held, told);
}

void Simulation::repeat_an_old_call() {
  if (old_calls_.empty()) return;
  ++events_["call that arrived again"];
  call(random_.pick(old_calls_));
}

// --- Upkeep and people ---

void Simulation::keep_up() {
  if (random_.one_in(6)) return decide_about_dead_letters();
  if (random_.one_in(60)) {
    call({"purge", {"5"}});
  } else if (random_.one_in(20)) {
    call({"expire_producers", {"0", "3600000"}});
  } else {
    call({"promote", {random_.pick<std::string>({"2", "500"}), "200"}});
  }
}

void Simulation::decide_about_dead_letters() {
  const Words names = twin_.dead.first(2);
  if (names.empty()) return;
  if (random_.one_in(3)) {
    call({"dead_drop", names});
    return;
  }
  SentCall sent{"dead_retry", {}};
  for (const std::string& name : names) {
    const auto jobs = jobs_of(twin_.parked.at(name));
    sent.args.insert(sent.args.end(), {name, small_envelope(jobs[0].number, jobs.size())});
  }
  call(sent);
}

bool Simulation::drain() {
  Worker last;
  last.mind.name = "last";
  call({"register", {"last"}});
  const Counters& c = twin_.counters;
  // Two leases until all others are taken for dead, two seconds until the last job is due.
  for (int round = 0; round < 400 && wrong_.empty() && c.ready() + c.delayed > 0; ++round) {
    now_ += 300;
    live(last);
    if (last.mind.name.empty()) break;  // struck off: nothing here may do that
    if (random_.one_in(2)) {
      adopt(last, reclaimed(call({"reclaim", {"last", std::to_string(lease_ms), "200"}})), true);
    }
    call({"look", {"last", std::to_string(lease_ms)}});
    for (const auto& [digit, holder] : last.holders) {
      const Answer answer = call({"claim", {"last", holder, "200", "0"}, {digit, {}}});
      adopt(last, claimed(digit, answer, twin_), true);
    }
    for (std::size_t digit = 0; digit < 3; ++digit) {
      adopt(last, fetched(digit, call({"fetch", {"last", "50"}, {digit, {}}})), true);
    }
    while (!last.mind.holds.empty() && wrong_.empty()) {
      last.mind.unanswered = last.mind.done(last.mind.holds.begin()->second);
      last.mind.learn(call(*last.mind.unanswered));
    }
    call({"promote", {"500", "100000"}});
  }
  if (wrong_.empty() && c.ready() + c.delayed > 0) wrong_ = "the queue does not drain";
  return wrong_.empty();
}

std::string Simulation::summary() const {
  const Counters& c = twin_.counters;
  std::string text = std::to_string(c.accepted) + " accepted, " + std::to_string(c.done) +
                     " done, " + std::to_string(c.expired) + " expired, " +
                     std::to_string(c.cancelled) + " cancelled, " + std::to_string(c.dead) +
                     " dead, " + std::to_string(c.ready() + c.delayed) + " open;";
  for (const auto& [event, times] : events_)
    text += " " + event + " " + std::to_string(times) + ",";
  text.back() = '.';
  return text;
}

}  // namespace ferry::model
