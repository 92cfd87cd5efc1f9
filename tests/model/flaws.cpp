#include "model/flaws.hpp"

#include <algorithm>

#include "model/small_envelope.hpp"

namespace ferry::model {
namespace {

constexpr std::size_t digit = 1;
constexpr std::int64_t now = 1'000'000;

/// What an enqueue would have stored.
void store_anyway(const SentCall& call, Twin& after) {
  const std::string& envelope = call.args[8];
  after.streams[digit].add(now, envelope);
  after.counters.accepted += *jobs_in(envelope);
  after.counters.bytes += static_cast<std::int64_t>(envelope.size());
}

Flaw when(const char* function, const char* answered,
          std::function<void(const SentCall&, const Twin&, Twin&)> change) {
  return [=](const SentCall& call, const Answer& answer, const Twin& before, Twin& after) {
    if (call.function == function && (*answered == '\0' || answer.starts_with(answered))) {
      change(call, before, after);
    }
  };
}

/// The flaws of what producers and upkeep call.
void add_queue_flaws(std::vector<NamedFlaw>& list) {
  list.push_back({"a repeated enqueue stores nothing",
                  when("enqueue", "DUP", [](const SentCall& call, const Twin&, Twin& after) {
                    store_anyway(call, after);
                  })});
  list.push_back({"a full queue stores nothing",
                  when("enqueue", "FULL", [](const SentCall& call, const Twin&, Twin& after) {
                    store_anyway(call, after);
                  })});
  list.push_back({"a sequence is used up by what was stored",
                  when("enqueue", "OK", [](const SentCall&, const Twin&, Twin& after) {
                    after.producers.clear();
                  })});
  list.push_back({"promote stores what it takes",
                  when("promote", "", [](const SentCall&, const Twin& before, Twin& after) {
                    if (after.due.at.size() == before.due.at.size()) return;
                    after.streams = before.streams;
                  })});
  list.push_back({"promote takes what it stores",
                  when("promote", "", [](const SentCall&, const Twin& before, Twin& after) {
                    after.due = before.due;
                    after.parked = before.parked;
                  })});
  list.push_back({"purge leaves alone what is leased",
                  when("purge", "", [](const SentCall&, const Twin&, Twin& after) {
                    Stream& stream = after.streams[digit];
                    for (const auto& [id, pending] : stream.pending) stream.entries.erase(id);
                    stream.pending.clear();
                  })});
  list.push_back({"a dead letter that goes back is dead no more",
                  when("dead_retry", "", [](const SentCall&, const Twin& before, Twin& after) {
                    after.dead = before.dead;
                    after.parked = before.parked;
                  })});
}

/// The flaws of leases.
void add_lease_flaws(std::vector<NamedFlaw>& list) {
  list.push_back({"who lost its envelopes is struck off",
                  when("reclaim", "OK", [](const SentCall&, const Twin& before, Twin& after) {
                    after.workers = before.workers;
                  })});
  list.push_back({"reclaim takes from the silent only",
                  when("reclaim", "OK", [](const SentCall& call, const Twin&, Twin& after) {
                    for (auto& [id, pending] : after.streams[digit].pending) {
                      pending.worker = call.args[0];
                    }
                  })});
  list.push_back({"reclaim keeps what it takes pending",
                  when("reclaim", "OK", [](const SentCall&, const Twin& before, Twin& after) {
                    std::erase_if(after.streams[digit].pending, [&](const auto& one) {
                      const auto was = before.streams[digit].pending.find(one.first);
                      return was != before.streams[digit].pending.end() &&
                             was->second.worker != one.second.worker;
                    });
                  })});
  list.push_back({"only a registered worker settles",
                  when("settle", "STALE", [](const SentCall& call, const Twin&, Twin& after) {
                    after.workers[call.args[0]] = now;
                    const EntryId id = call.key.second;
                    if (after.streams[digit].pending.contains(id)) {
                      after.streams[digit].pending[id].worker = call.args[0];
                    }
                    after.settle(digit, call.args, now);
                    after.workers.erase(call.args[0]);
                  })});
  list.push_back({"a worker settles only what it holds",
                  when("settle", "GONE", [](const SentCall& call, const Twin&, Twin& after) {
                    const auto held = after.streams[digit].pending.find(call.key.second);
                    if (held == after.streams[digit].pending.end()) {
                      after.counters.done += 1;
                    } else {
                      held->second.worker = call.args[0];
                      after.settle(digit, call.args, now);
                    }
                  })});
}

/// The flaws of settling.
void add_settle_flaws(std::vector<NamedFlaw>& list) {
  list.push_back({"what is settled of an envelope is remembered",
                  when("settle", "OK",
                       [](const SentCall&, const Twin&, Twin& after) { after.progress.clear(); })});
  list.push_back({"a job that moves leaves its envelope",
                  when("settle", "OK", [](const SentCall& call, const Twin& before, Twin& after) {
                    if (call.told.find_first_of("rpf") == std::string::npos) return;
                    after.streams[digit].entries[call.key.second] =
                        before.streams[digit].entries.at(call.key.second);
                    after.streams[digit].pending[call.key.second] =
                        before.streams[digit].pending.at(call.key.second);
                    after.progress = before.progress;
                  })});
  list.push_back(
      {"what failed is kept", when("settle", "OK", [](const SentCall&, const Twin&, Twin& after) {
         for (const auto& [name, at] : after.dead.at) after.parked.erase(name);
         after.dead = {};
       })});
  list.push_back({"a finished envelope gives its bytes back",
                  when("settle", "OK", [](const SentCall&, const Twin& before, Twin& after) {
                    after.counters.bytes = std::max(before.counters.bytes, after.counters.bytes);
                  })});
  list.push_back({"finish counts an envelope once",
                  [](const SentCall& call, const Answer& answer, const Twin&, Twin& after) {
                    if (call.function != "finish" || !answer.starts_with("OK")) return;
                    if (answer[1].text == "0") after.counters.done += 1;
                  }});
  list.push_back({"release keeps what is settled",
                  when("release", "OK", [](const SentCall&, const Twin&, Twin& after) {
                    after.progress.clear();
                    for (auto& [id, entry] : after.streams[digit].entries) entry.marks.clear();
                  })});
  list.push_back({"release stores the envelope again",
                  when("release", "OK", [](const SentCall& call, const Twin& before, Twin& after) {
                    if (!before.streams[digit].entries.contains(call.key.second)) return;
                    after.streams[digit].entries = before.streams[digit].entries;
                    after.streams[digit].entries.erase(call.key.second);
                  })});
}

/// The flaws of what leaves a worker that cannot begin it.
void add_leaving_flaws(std::vector<NamedFlaw>& list) {
  list.push_back({"what is set aside stays pending",
                  when("set_aside", "OK", [](const SentCall& call, const Twin&, Twin& after) {
                    const auto at = after.streams[digit].pending.find(call.key.second);
                    if (at != after.streams[digit].pending.end() &&
                        at->second.worker == aside_holder) {
                      after.streams[digit].pending.erase(at);
                    }
                  })});
  list.push_back({"claim takes nothing from the living",
                  when("claim", "OK", [](const SentCall& call, const Twin&, Twin& after) {
                    for (auto& [id, pending] : after.streams[digit].pending) {
                      pending.worker = call.args[0];
                    }
                  })});
  list.push_back({"claim forgets no holder that has entries",
                  when("claim", "OK", [](const SentCall& call, const Twin& before, Twin& after) {
                    for (const auto& [id, pending] : before.streams[digit].pending) {
                      if (pending.worker == call.args[1]) after.streams[digit].pending.erase(id);
                    }
                  })});
  list.push_back({"a part leaves its envelope",
                  when("part", "OK", [](const SentCall& call, const Twin& before, Twin& after) {
                    after.progress = before.progress;
                    const auto& was = before.streams[digit];
                    if (!was.entries.contains(call.key.second)) return;
                    after.streams[digit].entries[call.key.second] = was.entries.at(call.key.second);
                    after.streams[digit].pending[call.key.second] = was.pending.at(call.key.second);
                  })});
  list.push_back(
      {"a part is stored", when("part", "OK", [](const SentCall&, const Twin& before, Twin& after) {
         for (auto entry = after.streams[digit].entries.begin();
              entry != after.streams[digit].entries.end();) {
           const bool is_new = !before.streams[digit].entries.contains(entry->first);
           entry = is_new ? after.streams[digit].entries.erase(entry) : ++entry;
         }
       })});
  list.push_back({"a part that is repeated leaves once",
                  [](const SentCall& call, const Answer& answer, const Twin&, Twin& after) {
                    if (call.function != "part" || !answer.starts_with("OK")) return;
                    if (answer[1].text == "0") after.streams[digit].add(now, call.args[7]);
                  }});
}

}  // namespace

std::vector<NamedFlaw> flaws() {
  std::vector<NamedFlaw> list;
  add_queue_flaws(list);
  add_lease_flaws(list);
  add_settle_flaws(list);
  std::vector<NamedFlaw> leaving;
  add_leaving_flaws(leaving);
  for (NamedFlaw& one : leaving) {
    one.leaving = true;
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace ferry::model
