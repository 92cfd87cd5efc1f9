#include "batching/fetch_plan.hpp"

#include <algorithm>
#include <cassert>

namespace ferry::detail {

FetchPlan::FetchPlan(std::vector<int> weights, QueueOrder order) : order_(order) {
  queues_.reserve(weights.size());
  for (const int weight : weights) queues_.emplace_back().weight = std::max(1, weight);
}

Fetch FetchPlan::next(std::size_t room) {
  Fetch fetch;
  if (room == 0 || all_paused()) return fetch;
  const std::uint32_t turn = order_ == QueueOrder::weighted ? take_turn() : 0;
  std::size_t askable = 0;
  std::size_t asked_queues = 0;
  bool met_backlog = false;
  for (std::uint32_t queue = 0; queue < queues_.size(); ++queue) {
    if (queues_[queue].paused) continue;
    askable += priority_count;
    if (order_ == QueueOrder::strict && met_backlog) continue;
    ++asked_queues;
    const bool ends = ask(queue, order_ == QueueOrder::strict || queue == turn, fetch);
    met_backlog = met_backlog || ends;
  }
  fetch.block = fetch.streams.size() == askable;
  // With a backlog one stream is expected to answer in full and the others not at all; without one
  // nobody knows who will, so the queues share.
  fetch.count = met_backlog ? room : (room + asked_queues - 1) / asked_queues;
  return fetch;
}

FetchPlan::Parts FetchPlan::split(const Fetch& fetch) const {
  Parts parts{{{}, fetch.count, fetch.block}, {{}, fetch.count, false}};
  for (const StreamAt& at : fetch.streams) {
    const bool has_more = queues_[at.queue].has_more[static_cast<std::size_t>(at.priority)];
    (has_more ? parts.more : parts.others).streams.push_back(at);
  }
  if (!parts.more.streams.empty()) parts.others.block = false;
  return parts;
}

void FetchPlan::report(const Fetch& fetch, std::span<const std::size_t> found) {
  assert(found.size() == fetch.streams.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    QueueState& queue = queues_[fetch.streams[i].queue];
    queue.has_more[static_cast<std::size_t>(fetch.streams[i].priority)] = found[i] >= fetch.count;
  }
}

void FetchPlan::pause(std::uint32_t queue, bool paused) { queues_[queue].paused = paused; }

bool FetchPlan::all_paused() const {
  return std::all_of(queues_.begin(), queues_.end(), [](const auto& q) { return q.paused; });
}

bool FetchPlan::any_more() const {
  return std::any_of(queues_.begin(), queues_.end(),
                     [](const auto& q) { return !q.paused && q.any_more(); });
}

bool FetchPlan::QueueState::any_more() const {
  return std::find(has_more.begin(), has_more.end(), true) != has_more.end();
}

std::uint32_t FetchPlan::take_turn() {
  int total = 0;
  QueueState* chosen = nullptr;
  for (QueueState& queue : queues_) {
    if (queue.paused || !queue.any_more()) continue;
    total += queue.weight;
    queue.balance += queue.weight;
    if (chosen == nullptr || queue.balance > chosen->balance) chosen = &queue;
  }
  if (chosen == nullptr) return 0;
  // Balances add up to zero and none exceeds the sum of the weights, whoever comes and goes: a
  // queue that comes back has saved up one turn at most.
  chosen->balance -= total;
  return static_cast<std::uint32_t>(chosen - queues_.data());
}

bool FetchPlan::ask(std::uint32_t queue, bool with_backlog, Fetch& fetch) const {
  for (std::size_t priority = 0; priority < priority_count; ++priority) {
    const bool has_more = queues_[queue].has_more[priority];
    if (has_more && !with_backlog) return true;
    fetch.streams.push_back({queue, static_cast<Priority>(priority)});
    if (has_more) return true;
  }
  return false;
}

}  // namespace ferry::detail
