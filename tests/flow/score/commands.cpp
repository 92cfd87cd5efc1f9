#include "flow/score/commands.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <unordered_map>

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t fetch = 1;
constexpr std::int64_t finish = 7;
constexpr std::int64_t finish_of_many = 9;
constexpr std::int64_t many = 3;
constexpr std::int64_t settle = 9;
constexpr std::int64_t promote = 10;
/// As Settler::partial_after.
constexpr Moment told_after = 20ms;

struct Envelope {
  Moment stored = Moment::max();
  std::uint32_t first_call = no_call;  ///< the first to run a job of it
  Moment first_begin = Moment::max();
  std::vector<std::pair<Moment, std::uint32_t>> ends;  ///< of its jobs, and by which call
};

/// Returns: how often outcomes have to be told before the last job has run.
std::int64_t parts_of(const Envelope& envelope) {
  std::int64_t parts = 0;
  const Moment whole = envelope.ends.back().first;
  Moment told = Moment::min();
  for (const auto& [end, call] : envelope.ends) {
    if (end <= told) continue;
    if (end + told_after >= whole) break;
    told = end + told_after;
    ++parts;
  }
  return parts;
}

}  // namespace

CommandBound command_bound(const Trace& oracle, std::span<const std::uint32_t> envelope,
                           std::span<const Moment> due) {
  std::unordered_map<std::uint32_t, Envelope> envelopes;
  std::set<Moment::rep> due_instants;
  for (std::size_t i = 0; i < oracle.jobs.size(); ++i) {
    const TracedJob& job = oracle.jobs[i];
    if (due[i].count() > 0) due_instants.insert(due[i] / 10ms);
    if (job.call == no_call) continue;
    const Call& call = oracle.calls[job.call];
    Envelope& own = envelopes[envelope[i]];
    own.stored = std::min(own.stored, job.ready);
    own.ends.emplace_back(call.end, job.call);
    if (call.begin >= own.first_begin) continue;
    own.first_begin = call.begin;
    own.first_call = job.call;
  }
  CommandBound bound;
  std::set<Moment::rep> stored_instants;
  std::set<std::uint32_t> beginning;
  std::unordered_map<std::uint32_t, std::int64_t> whole_with;  // envelopes by call
  for (auto& [number, own] : envelopes) {
    std::ranges::sort(own.ends);
    stored_instants.insert(own.stored / 1ms);
    beginning.insert(own.first_call);
    ++whole_with[own.ends.back().second];
    bound.parts += settle * parts_of(own);
  }
  bound.fetches =
      fetch * static_cast<std::int64_t>(std::max(stored_instants.size(), beginning.size()));
  for (const auto& [call, count] : whole_with) {
    bound.finishes += count >= many ? finish_of_many : finish;
  }
  bound.promotions = promote * static_cast<std::int64_t>(due_instants.size());
  return bound;
}

}  // namespace ferry::flow
