// Dead letters that go back to their queue or are dropped: by their ids, or all that were dead when
// the call began.

#include <algorithm>
#include <chrono>
#include <utility>

#include "queue/dead_move.hpp"
#include "queue/dead_walk.hpp"

namespace ferry {
namespace {

using detail::DeadMove;
using detail::DeadWalk;
using redis::Connection;
using redis::Reply;

/// Ids looked up at a time; each may be one of three names.
constexpr std::size_t ids_per_look = 100;
/// Names of a walk looked at together.
constexpr std::size_t names_per_page = 100;

/// Tells the time by the clock of Redis, asked once.
class ServerTime {
 public:
  explicit ServerTime(std::int64_t now_ms) : then_ms_(now_ms) {}
  std::uint64_t now_ms() const {
    const auto since = std::chrono::steady_clock::now() - then_;
    return static_cast<std::uint64_t>(
        then_ms_ + std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
  }

 private:
  std::int64_t then_ms_;
  std::chrono::steady_clock::time_point then_ = std::chrono::steady_clock::now();
};

/// Tells of letters that the move made of others and left there.
void tell_of_made(const DeadMove& move, std::span<const std::string> made, const OnDeadLeft& left) {
  for (const std::string& name : made) {
    if (left && !move.passed(name)) left(move.left_behind(name));
  }
}

/// Acts on the letters with these ids, and tells of each that is not there or stays.
void act_on_ids(Connection& connection, const Keys& keys, std::span<const JobId> ids,
                DeadMove& move, const OnDeadLeft& left) {
  call_remove(connection, keys, "dead", {});  // asks for an operator's rights, before all else
  const ServerTime time(detail::books_or_named_error(connection, keys).server_time_ms);
  for (; !ids.empty(); ids = ids.subspan(std::min(ids.size(), ids_per_look))) {
    const auto some = ids.first(std::min(ids.size(), ids_per_look));
    const auto candidates = detail::dead_names_of(some);
    const auto before = detail::times_of_death(connection, keys, candidates);
    std::vector<std::string> names;
    std::vector<double> died_at;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (!before[i]) continue;
      names.push_back(candidates[i]);
      died_at.push_back(*before[i]);
    }
    for (std::size_t i = 0; left && i < some.size(); ++i) {
      const auto of_id = std::span(before).subspan(priority_count * i, priority_count);
      if (std::ranges::any_of(of_id, [](const auto& died) { return died.has_value(); })) continue;
      left({some[i], false, "no dead letter (any more)"});
    }
    if (names.empty()) continue;
    move.act(names, time.now_ms());
    const auto after = detail::times_of_death(connection, keys, names);
    for (std::size_t i = 0; left && i < names.size(); ++i) {
      if (after[i] == died_at[i]) left(move.left_behind(names[i]));
    }
    tell_of_made(move, move.made(), left);
  }
}

std::vector<detail::DeadName> page_at(Connection& connection, const Keys& keys, std::int64_t rank) {
  const std::string last = std::to_string(rank + static_cast<std::int64_t>(names_per_page) - 1);
  const auto answer = detail::call_on(
      connection, keys.dead, {"ZRANGE", keys.dead, std::to_string(rank), last, "WITHSCORES"});
  const Reply& reply = answer->root();
  std::vector<detail::DeadName> page;
  for (std::size_t i = 0; i + 1 < reply.size; i += 2) {
    page.push_back({std::string(reply[i].text), detail::score_of(reply[i + 1].text)});
  }
  return page;
}

std::int64_t rank_of_next(Connection& connection, const Keys& keys, DeadWalk& walk) {
  while (true) {
    std::optional<std::pair<std::int64_t, double>> anchor;
    if (const std::string* name = walk.anchor()) {
      const auto rank = detail::call_on(connection, keys.dead, {"ZRANK", keys.dead, *name});
      const auto time = detail::times_of_death(connection, keys, {name, 1});
      if (!rank->root().is_nil() && time[0]) anchor = {rank->root().integer, *time[0]};
    }
    if (const auto rank = walk.begin(anchor)) return *rank;
  }
}

void act_on_all(Connection& connection, const Keys& keys, DeadMove& move,
                const std::function<void(std::int64_t)>& progress, const OnDeadLeft& left) {
  call_remove(connection, keys, "dead", {});  // asks for an operator's rights, before all else
  const BooksReply books = detail::readable_books(connection, keys);
  const ServerTime time(books.server_time_ms);
  DeadWalk walk(static_cast<double>(books.server_time_ms), books.dead_entries);
  while (!walk.over()) {
    const auto names = walk.take(page_at(connection, keys, rank_of_next(connection, keys, walk)));
    if (!names.empty()) {
      move.act(names, time.now_ms());
      const auto made = move.made();
      walk.made(made);
      tell_of_made(move, made, left);
    }
    std::vector<std::string> page;
    for (const detail::DeadName& letter : walk.page()) page.push_back(letter.name);
    const auto stayed = walk.settle(detail::times_of_death(connection, keys, page));
    if (progress && stayed.size() < page.size()) progress(move.jobs());
    for (const std::string& name : stayed) {
      const bool acted_on = std::ranges::find(names, name) != names.end();
      if (left && acted_on && !move.passed(name)) left(move.left_behind(name));
    }
  }
}

}  // namespace

std::int64_t Queue::retry_dead(std::span<const JobId> ids, const OnDeadLeft& left,
                               const RetryOptions& options) {
  const auto retry = detail::dead_retry(impl_->ready(), impl_->keys, options);
  act_on_ids(impl_->ready(), impl_->keys, ids, *retry, left);
  return retry->jobs();
}

std::int64_t Queue::retry_all_dead(const std::function<void(std::int64_t moved)>& progress,
                                   const OnDeadLeft& left, const RetryOptions& options) {
  const auto retry = detail::dead_retry(impl_->ready(), impl_->keys, options);
  act_on_all(impl_->ready(), impl_->keys, *retry, progress, left);
  return retry->jobs();
}

std::int64_t Queue::drop_dead(std::span<const JobId> ids, const OnDeadLeft& left) {
  const auto drop = detail::dead_drop(impl_->ready(), impl_->keys, {});
  act_on_ids(impl_->ready(), impl_->keys, ids, *drop, left);
  return drop->jobs();
}

std::int64_t Queue::drop_all_dead(const std::function<void(std::int64_t dropped)>& progress,
                                  const OnDeadLeft& left, const DeadFilter& only) {
  const auto drop = detail::dead_drop(impl_->ready(), impl_->keys, only);
  act_on_all(impl_->ready(), impl_->keys, *drop, progress, left);
  return drop->jobs();
}

}  // namespace ferry
