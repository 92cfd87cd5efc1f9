#include "model/ledger.hpp"

#include <algorithm>

#include "model/invariants.hpp"
#include "model/small_envelope.hpp"

namespace ferry::model {

// What a call had to say of a job that is no longer there; '?' when it had nothing to say.
char Ledger::fate_of(std::int64_t number, const SentCall& sent, const Twin& before) const {
  if (sent.function == "purge" || sent.function == "dead_drop") return 'c';
  const auto& entries = before.streams[sent.key.first].entries;
  const auto entry = entries.find(sent.key.second);
  if (!sent.tells() || entry == entries.end()) return '?';
  const auto jobs = jobs_of(entry->second.envelope);
  for (std::size_t i = 0; i < jobs.size() && i < sent.told.size(); ++i) {
    if (jobs[i].number != number) continue;
    if (sent.told[i] == 'd' || sent.told[i] == 'e') return sent.told[i];
  }
  return '?';
}

std::string Ledger::look(const SentCall& sent, const Answer& answer, const Twin& before,
                         const Twin& after) {
  const std::string& f = sent.function;
  const bool enqueues = f == "enqueue";
  const bool may_change =
      enqueues ? answer.starts_with("OK") : !sent.tells() || owners_[sent.key] == sent.args[0];
  const auto all_but_signs_of_life = [](const Twin& twin) {
    Words lines = twin.snapshot();
    // A DUP writes down when it came, so that a WAIT behind it speaks of this connection.
    for (std::string& line : lines) {
      if (line.starts_with("producer ")) line.resize(line.rfind(':'));
    }
    return lines;
  };
  if (!may_change && all_but_signs_of_life(before) != all_but_signs_of_life(after)) {
    return enqueues ? "an enqueue that was not OK changed something"
                    : f + " of a worker that does not hold the envelope changed something";
  }
  if (f == "set_aside" && answer.starts_with("OK") && answer[1].text != "0") {
    owners_[sent.key] = sent.args[1];
  }
  const auto was = open_jobs(before), is = open_jobs(after);
  for (const auto& [number, place] : is) {
    const auto known = fates_.find(number);
    const std::string job = "job " + std::to_string(number);
    if (known == fates_.end() && !enqueues) return job + " came from nowhere";
    if (known != fates_.end() && known->second != 'l') return job + " had ended and is back";
    fates_.emplace(number, 'l');
  }
  for (const auto& [number, place] : was) {
    if (is.contains(number)) continue;
    const char fate = fate_of(number, sent, before);
    if (fate == '?') return "job " + std::to_string(number) + " is lost by " + f;
    if (f == "purge" && place == Place::leased) return "a leased job was cancelled";
    fates_[number] = fate;
  }
  const std::string wrong = violation(after);
  return wrong.empty() ? books(after) : wrong;
}

std::string Ledger::books(const Twin& after) const {
  const auto ended = [&](char fate) {
    return std::count_if(fates_.begin(), fates_.end(),
                         [&](const auto& one) { return one.second == fate; });
  };
  const Counters& c = after.counters;
  if (c.accepted != static_cast<std::int64_t>(fates_.size())) return "accepted is counted wrong";
  if (c.done != ended('d')) return "done is counted wrong";
  if (c.expired != ended('e')) return "expired is counted wrong";
  if (c.cancelled != ended('c')) return "cancelled is counted wrong";
  return {};
}

std::size_t Ledger::live() const {
  return static_cast<std::size_t>(std::count_if(fates_.begin(), fates_.end(),
                                                [](const auto& one) { return one.second == 'l'; }));
}

}  // namespace ferry::model
