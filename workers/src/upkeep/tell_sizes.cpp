#include "upkeep/tell_sizes.hpp"

#include <algorithm>
#include <utility>

#include "functions/replies.hpp"
#include "upkeep/queue_rounds.hpp"

namespace ferry::detail {
namespace {

constexpr std::chrono::seconds period{1};
/// Another worker may have told something else meanwhile, or the queue was forgotten.
constexpr std::chrono::seconds longest_trust{10};

}  // namespace

TellSizes::TellSizes(Leases& leases, const ControlBoard& board, QueueHealth& health,
                     std::function<std::vector<EnvelopeSize>()> sizes)
    : leases_(leases),
      board_(board),
      health_(health),
      sizes_(std::move(sizes)),
      told_(leases.queues().size()) {}

Time TellSizes::turn(redis::Connection& connection, Time now) {
  const Time next = now + period;
  if (denied_) return next;
  const std::vector<EnvelopeSize> sizes = sizes_();
  const std::string own = with_sizes({}, sizes);
  std::vector<std::uint32_t> looks;
  for (std::uint32_t queue = 0; queue < told_.size(); ++queue) {
    const Told& told = told_[queue];
    const bool nothing = own.empty() && told.own.empty();
    const bool known = own == told.own && now < told.look_again;
    if (board_.keeps(queue) && !nothing && !known) looks.push_back(queue);
  }
  std::vector<std::pair<std::uint32_t, std::string>> changes;
  ask_queues(
      connection, looks, health_, QueueHealth::Activity::sizes,
      [&](std::uint32_t queue) {
        connection.append({"HGET", leases_.queues()[queue].state, "hints"});
      },
      [&](std::uint32_t queue, const redis::Reply& stored) {
        std::string hints = with_sizes(stored.text, sizes);
        if (hints != stored.text) changes.emplace_back(queue, std::move(hints));
        told_[queue] = {own, now + longest_trust};
      });
  std::vector<std::uint32_t> changed;
  for (const auto& [queue, hints] : changes) changed.push_back(queue);
  const std::uint64_t epoch = leases_.current_epoch();
  const std::string name = leases_.name(epoch);
  auto change = changes.begin();
  ask_queues(
      connection, changed, health_, QueueHealth::Activity::sizes,
      [&](std::uint32_t queue) {
        const Keys& keys = leases_.queues()[queue];
        connection.append(
            {"FCALL", "ferry_v1_hint", "2", keys.state, keys.workers, name, (change++)->second});
      },
      [&](std::uint32_t queue, const redis::Reply& reply) {
        const std::string_view word = word_of(reply);
        if (word == "STALE") return leases_.lost(queue, epoch);
        if (word == "DENIED") denied_ = true;
        if (word != "OK" && word != "DENIED") throw unknown_reply("ferry_v1_hint", reply);
      });
  return next;
}

}  // namespace ferry::detail
