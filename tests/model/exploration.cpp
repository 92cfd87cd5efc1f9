#include "model/exploration.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace ferry::model {
namespace {

struct Fingerprint {
  std::uint64_t first, second;
  bool operator==(const Fingerprint&) const = default;
};

struct FingerprintHash {
  std::size_t operator()(const Fingerprint& one) const { return one.first; }
};

Fingerprint fingerprint(const std::string& text) {
  // FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return {std::hash<std::string_view>()(text), hash};
}

struct Visit {
  std::size_t from;
  std::string label;
};

}  // namespace

Exploration explore(const WorldLimits& limits, const Flaw* flaw, std::size_t most_states) {
  Exploration result;
  std::unordered_set<Fingerprint, FingerprintHash> seen;
  std::vector<Visit> visits;
  std::deque<std::pair<std::size_t, World>> open;
  const auto blame = [&](std::size_t at, const std::string& last, const std::string& what) {
    result.wrong = what;
    if (!last.empty()) result.path.push_back(last);
    for (; at != 0; at = visits[at].from) result.path.push_back(visits[at].label);
    std::reverse(result.path.begin(), result.path.end());
  };

  World first(limits, flaw);
  seen.insert(fingerprint(first.canonical()));
  visits.push_back({0, ""});
  open.emplace_back(0, std::move(first));
  while (!open.empty() && visits.size() < most_states) {
    const auto [at, world] = std::move(open.front());
    open.pop_front();
    const std::string left = world.drained();
    if (!left.empty()) {
      blame(at, "then nothing goes wrong any more", left);
      break;
    }
    for (const World::Step& step : world.steps()) {
      World next = world;
      step.take(next);
      ++result.transitions;
      if (!next.wrong().empty()) {
        blame(at, step.label, next.wrong());
        break;
      }
      if (!seen.insert(fingerprint(next.canonical())).second) continue;
      visits.push_back({at, step.label});
      open.emplace_back(visits.size() - 1, std::move(next));
    }
    if (!result.wrong.empty()) break;
  }
  result.states = visits.size();
  result.complete = open.empty() && result.wrong.empty();
  return result;
}

std::string show(const Exploration& exploration) {
  std::string text = std::to_string(exploration.states) + " states, " +
                     std::to_string(exploration.transitions) + " transitions" +
                     (exploration.complete ? ", all there are" : "") + "\n";
  for (const std::string& label : exploration.path) text += "  " + label + "\n";
  return text + exploration.wrong;
}

}  // namespace ferry::model
