#include "model/worker_mind.hpp"

#include <algorithm>

#include "model/small_envelope.hpp"

namespace ferry::model {
namespace {

std::string all_open(const std::string& envelope) { return std::string(*jobs_in(envelope), '.'); }

}  // namespace

bool SentCall::tells() const {
  return function == "finish" || function == "settle" || function == "release" ||
         function == "start" || function == "part" || function == "set_aside";
}

void WorkerMind::forget() {
  if (unanswered) old = unanswered;
  name.clear();
  holds.clear();
  unanswered.reset();
}

void WorkerMind::learn(const Answer& answer) {
  const SentCall sent = *unanswered;
  old = sent;
  unanswered.reset();
  if (answer.starts_with("STALE") || answer.text == "STALE") return forget();
  const auto held = holds.find(sent.key);
  if (held == holds.end()) return;
  std::string& marks = held->second.marks;
  for (std::size_t i = 0; i < sent.told.size(); ++i) {
    if (sent.told[i] == 's') {
      marks[i] = marks[i] == '.' ? '1' : static_cast<char>(marks[i] + 1);
    } else if (sent.told[i] != '.') {
      marks[i] = 'x';
    }
  }
  if (sent.function == "start") {
    held->second.suspect = false;  // it runs
    return;
  }
  const bool whole = marks.find_first_not_of('x') == std::string::npos;
  const bool given = sent.function == "release" || sent.function == "set_aside";
  if (whole || given || answer.starts_with("GONE")) holds.erase(held);
}

SentCall WorkerMind::start(const HeldEnvelope& held, int max_starts) const {
  SentCall sent{"start", {name}, held.key, std::string(held.marks.size(), '.')};
  for (std::size_t i = 0; i < held.marks.size(); ++i) {
    const char mark = held.marks[i];
    if (mark == 'x' || mark >= '0' + max_starts) continue;
    sent.told[i] = 's';
    sent.args.insert(sent.args.end(), {field_of(held.key.first, held.key.second),
                                       std::to_string(held.marks.size()), std::to_string(i)});
  }
  return sent;
}

SentCall WorkerMind::settle(const HeldEnvelope& held, const std::string& told) const {
  SentCall sent{"settle",
                {name, text_of(held.key.second), std::to_string(told.size()),
                 std::to_string(held.envelope.size()), "", ""},
                held.key,
                told};
  const std::vector<SmallJob> jobs = jobs_of(held.envelope);
  for (std::size_t i = 0; i < told.size(); ++i) {
    if (told[i] == 'd') sent.args[4] += big_endian(static_cast<std::int64_t>(i), 2);
    if (told[i] == 'e') sent.args[5] += big_endian(static_cast<std::int64_t>(i), 2);
    const bool fails = told[i] == 'f';
    if (told[i] != 'r' && told[i] != 'p' && !fails) continue;
    sent.args.insert(sent.args.end(),
                     {std::to_string(i), fails ? "f" : "r", told[i] == 'p' ? "1" : "0",
                      small_envelope(jobs[i].number, 1, jobs[i].attempts + 1)});
  }
  return sent;
}

SentCall WorkerMind::done(const HeldEnvelope& held) const {
  SentCall sent{"finish", {}, held.key, {}};
  std::int64_t open = 0;
  for (const char mark : held.marks) {
    sent.told += mark == 'x' ? '.' : 'd';
    open += mark != 'x';
  }
  sent.args = arguments_of_finish(
      name, {{text_of(held.key.second), open, static_cast<std::int64_t>(held.envelope.size())}});
  return sent;
}

SentCall WorkerMind::release(const HeldEnvelope& held) const {
  return {"release", {name, text_of(held.key.second)}, held.key, {}};
}

// Each job as a part of its own, but for neighbours that go back together.
SentCall WorkerMind::part(const HeldEnvelope& held, const std::string& told) const {
  SentCall sent{"part",
                {name, text_of(held.key.second), std::to_string(told.size()),
                 std::to_string(held.envelope.size())},
                held.key,
                told};
  const std::vector<SmallJob> jobs = jobs_of(held.envelope);
  for (std::size_t i = 0, next = 1; i < told.size(); i = next++) {
    if (told[i] == '.') continue;
    std::string at = big_endian(static_cast<std::int64_t>(i), 2);
    while (told[i] != 'b' && next < told.size() && told[next] == told[i] &&
           jobs[next].attempts == jobs[i].attempts &&
           jobs[next].number == jobs[next - 1].number + 1) {
      at += big_endian(static_cast<std::int64_t>(next++), 2);
    }
    sent.args.insert(sent.args.end(), {told[i] == 'b' ? "f" : "r", told[i] == 'l' ? "1" : "0", at,
                                       small_envelope(jobs[i].number, next - i, jobs[i].attempts)});
  }
  return sent;
}

SentCall WorkerMind::set_aside(const HeldEnvelope& held) const {
  const auto open = std::ssize(held.marks) - std::count(held.marks.begin(), held.marks.end(), 'x');
  return {"set_aside",
          {name, aside_holder, text_of(held.key.second), std::to_string(open)},
          held.key,
          {}};
}

std::vector<HeldEnvelope> fetched(std::size_t digit, const Answer& answer) {
  std::vector<HeldEnvelope> list;
  for (const Answer& one : answer.parts) {
    const std::string marks = one.parts.size() > 2 ? one[2].text : all_open(one[1].text);
    const bool suspect = marks.find_first_of("123456789") != std::string::npos;
    list.push_back({{digit, *entry_id(one[0].text)}, one[1].text, marks, suspect});
  }
  return list;
}

std::vector<HeldEnvelope> reclaimed(const Answer& answer) {
  std::vector<HeldEnvelope> list;
  for (std::size_t i = 1; i < answer.parts.size(); ++i) {
    const Answer& one = answer[i];
    const std::string marks = one[3].text.empty() ? all_open(one[2].text) : one[3].text;
    list.push_back({{static_cast<std::size_t>(one[0].text[0] - '4'), *entry_id(one[1].text)},
                    one[2].text,
                    marks,
                    true});
  }
  return list;
}

std::vector<HeldEnvelope> claimed(std::size_t digit, const Answer& answer, const Twin& twin) {
  std::vector<HeldEnvelope> list;
  for (std::size_t i = 1; i < answer.parts.size(); ++i) {
    const Answer& one = answer[i];
    const EntryId id = *entry_id(one[0].text);
    const std::string& envelope = twin.streams[digit].entries.at(id).envelope;
    const std::string marks = one[1].text.empty() ? all_open(envelope) : one[1].text;
    const bool started = marks.find_first_of("123456789") != std::string::npos;
    list.push_back({{digit, id}, envelope, marks, started || one[2].text == "1"});
  }
  return list;
}

}  // namespace ferry::model
