#include "upkeep/take_over.hpp"

#include <algorithm>
#include <utility>

#include "functions/keys.hpp"
#include "functions/replies.hpp"
#include "redis/stream_id.hpp"

namespace ferry::detail {
namespace {

using std::chrono::milliseconds;

/// While there is something to claim or to read, and while there is not.
constexpr milliseconds busy_period{20};
constexpr milliseconds idle_period{100};

/// What no worker here may be able to read is looked at so often.
constexpr milliseconds newer_period{500};

/// Claimed and not read: as much as reading keeps busy with for a while.
constexpr std::size_t most_unread = 200;
constexpr std::size_t most_in_a_claim = 100;

bool is_aside(const Holder& holder) { return is_waiting_place(holder.name); }

}  // namespace

TakeOver::TakeOver(Leases& leases, ControlBoard& board, InFlight& in_flight, Adopter& adopter,
                   QueueHealth& health, Metrics& metrics, const Log& log,
                   std::function<std::size_t(std::string_view)> wanted)
    : leases_(leases),
      board_(board),
      in_flight_(in_flight),
      adopter_(adopter),
      health_(health),
      metrics_(metrics),
      log_(log),
      wanted_(std::move(wanted)) {}

Time TakeOver::turn(redis::Connection& connection, Time now) {
  const auto some = board_.is_retired() ? std::vector<Wish>{} : wishes(now);
  if (!some.empty()) claim(connection, some);
  const bool unread = adopter_.read_claimed(connection);
  return now + (unread || !some.empty() ? busy_period : idle_period);
}

std::vector<TakeOver::Wish> TakeOver::wishes(Time now) {
  std::vector<Wish> wishes;
  std::size_t room = most_unread - std::min(most_unread, adopter_.claimed());
  // At least one, however full this worker is: when every worker is full, somebody still has to
  // take over.
  const std::size_t credit = std::max<std::size_t>(1, in_flight_.free_jobs());
  room = std::min(room, credit);
  const bool newer = now >= next_newer_;
  for (std::uint32_t queue = 0; queue < leases_.queues().size() && room > 0; ++queue) {
    if (board_.is_paused(queue) || !leases_.is_registered(queue) || rests(queue, now)) continue;
    const std::size_t others = std::max<std::size_t>(1, board_.workers_alive(queue));
    for (Holder& holder : board_.claimable(queue)) {
      if (room == 0) break;
      Wish wish{queue, std::move(holder), most_in_a_claim, 0};
      if (wish.holder.name == newer_holder) {
        if (!newer) continue;
        next_newer_ = now + newer_period;
      } else if (wish.holder.name.starts_with(kind_holder)) {
        wish.jobs = wanted_(std::string_view(wish.holder.name).substr(kind_holder.size()));
        if (wish.jobs == 0) continue;
      } else {
        wish.envelopes = wish.holder.entries / others + 1;
      }
      wish.envelopes = std::min({wish.envelopes, most_in_a_claim, room});
      room -= wish.envelopes;
      wishes.push_back(std::move(wish));
    }
  }
  return wishes;
}

/// What fails is not asked for in every turn; and what could not be read or ended here would only
/// take room from other queues.
bool TakeOver::rests(std::uint32_t queue, Time now) const {
  using Activity = QueueHealth::Activity;
  return health_.failed_within(QueueHealth::rest, queue, Activity::claim, now) ||
         health_.failed_within(QueueHealth::lapse, queue, Activity::read, now) ||
         health_.failed_within(QueueHealth::lapse, queue, Activity::marks, now) ||
         health_.cannot_end(queue, now);
}

void TakeOver::claim(redis::Connection& connection, const std::vector<Wish>& wishes) {
  const std::lock_guard moving(adopter_.moving());
  const std::uint64_t epoch = leases_.current_epoch();
  const std::string name = leases_.name(epoch);
  connection.connect();
  for (const Wish& wish : wishes) {
    const Keys& keys = leases_.queues()[wish.queue];
    connection.append({"FCALL", "ferry_v1_claim", "4", keys.control, keys.workers, keys.progress,
                       keys.ready[static_cast<std::size_t>(wish.holder.priority)], name,
                       wish.holder.name, std::to_string(wish.envelopes),
                       std::to_string(wish.jobs)});
  }
  std::vector<redis::ReplyPtr> replies;
  for (std::size_t i = 0; i < wishes.size(); ++i) replies.push_back(connection.read());
  std::vector<Claimed> claimed;
  std::size_t taken_over = 0;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    const redis::Reply& reply = replies[i]->root();
    const Wish& wish = wishes[i];
    const bool usable =
        health_.is_usable(reply, wish.queue, QueueHealth::Activity::claim, [&reply] {
          const std::string_view word = word_of(reply);
          const bool known = word == "OK" || word == "STALE" || word == "PAUSED";
          if (!known) throw unknown_reply("ferry_v1_claim", reply);
        });
    if (!usable) continue;
    if (word_of(reply) == "STALE") leases_.lost(wish.queue, epoch);
    if (word_of(reply) != "OK") continue;
    if (reply.size == 1) board_.forget_claimable(wish.queue, wish.holder);
    for (std::size_t j = 1; j < reply.size; ++j) {
      const auto id = reply[j].size < 2 ? std::nullopt : redis::StreamId::parse(reply[j][0].text);
      if (!id) continue;
      const std::string_view marks = reply[j][1].text;
      // What was set aside was not begun, unless its marks say so.
      const bool suspect =
          !is_aside(wish.holder) || marks.find_first_of("123456789") != std::string_view::npos;
      if (!is_aside(wish.holder)) ++taken_over;
      claimed.push_back(
          {{wish.queue, wish.holder.priority, epoch, *id}, suspect, true, std::string(marks)});
    }
  }
  adopter_.add_claimed(std::move(claimed));
  if (taken_over == 0) return;
  metrics_.update([&](WorkerStats& stats) { stats.reclaimed_envelopes += taken_over; });
  log_.warning("took over envelopes of workers that fell silent; their jobs run alone",
               {{"envelopes", static_cast<std::int64_t>(taken_over)}});
}

}  // namespace ferry::detail
