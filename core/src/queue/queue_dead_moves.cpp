// Dead letters that go back to their queue or are dropped: by their ids, or all that were dead when
// the call began.

#include <algorithm>
#include <map>
#include <utility>

#include "functions/enqueue_transaction.hpp"
#include "queue/dead_walk.hpp"
#include "queue/queue_impl.hpp"
#include "queue/revival.hpp"

namespace ferry {
namespace {

using detail::DeadWalk;
using redis::Connection;
using redis::Reply;

/// Ids looked up at a time; each may be one of three names.
constexpr std::size_t ids_per_look = 100;
/// Names of a walk looked at together.
constexpr std::size_t names_per_page = 100;

/// What is done with dead letters, some at a time. What is wrong with one concerns no other.
class DeadMove {
 public:
  DeadMove(Connection& connection, const Keys& keys) : connection_(connection), keys_(keys) {}
  virtual ~DeadMove() = default;
  DeadMove(const DeadMove&) = delete;
  DeadMove& operator=(const DeadMove&) = delete;

  std::int64_t jobs() const { return jobs_; }
  void act(std::span<const std::string> names);
  /// Returns: why a letter that `act` was given last is where it was.
  std::string why_left(const std::string& name) const {
    const auto found = why_.find(name);
    return found == why_.end() ? "Redis passed it over" : found->second;
  }

 protected:
  virtual void act_on(std::span<const std::string> names, std::span<const std::int64_t> sizes) = 0;

  /// Calls Redis about some letters. Returns: whether it went well; else why is known of each.
  template <typename Call>
  bool try_on(std::span<const std::string> names, Call call) {
    try {
      jobs_ += call();
      return true;
    } catch (const Error& error) {
      if (detail::concerns_all(error)) throw;
      for (const std::string& name : names) why_[name] = error.what();
      return false;
    }
  }

  Connection& connection_;
  const Keys& keys_;
  std::int64_t jobs_ = 0;
  std::map<std::string, std::string> why_;
};

void DeadMove::act(std::span<const std::string> names) {
  why_.clear();
  act_on(names, detail::parked_sizes(connection_, keys_, names));
}

class Retry : public DeadMove {
 public:
  using DeadMove::DeadMove;

 private:
  void act_on(std::span<const std::string> names, std::span<const std::int64_t> sizes) override {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (sizes[i] == 0) why_[names[i]] = "its bytes are missing in " + keys_.parked;
    }
    detail::read_parked(connection_, keys_, names, sizes, [&](std::size_t i, std::string_view b) {
      add(names[i], b);
      return true;
    });
    send();
  }

  void add(const std::string& name, std::string_view letter) {
    if (!detail::id_in_name(name)) {
      why_[name] = "the name is none of Ferry's";
      return;
    }
    detail::Revival revival = detail::revive(letter);
    if (revival.envelope.empty()) {
      why_[name] = std::move(revival.why_not);
      return;
    }
    const std::size_t bytes = std::max(letter.size(), revival.envelope.size());
    if (slice_.size() == max_dead_retry || bytes_ + bytes > slice_bytes) send();
    slice_.push_back({name, std::move(revival.envelope), revival.jobs, letter.size()});
    bytes_ += bytes;
    if (bytes_ > slice_bytes) send_large();
  }

  /// All at once; if Redis refuses that, one after the other.
  void send() {
    const std::vector<DeadRetry> slice = std::exchange(slice_, {});
    bytes_ = 0;
    if (slice.empty() || send_some(slice) || slice.size() == 1) return;
    for (const DeadRetry& letter : slice) {
      if (send_some({&letter, 1})) why_.erase(letter.name);
    }
  }

  bool send_some(std::span<const DeadRetry> letters) {
    std::vector<std::string> names;
    for (const DeadRetry& letter : letters) names.push_back(letter.name);
    return try_on(names, [&] { return call_dead_retry(connection_, keys_, letters); });
  }

  /// A single one, which Lua should not see.
  void send_large() {
    if (!may_transact_) may_transact_ = may_transact(connection_);
    if (!*may_transact_) return send();
    const std::string name[] = {slice_.front().name};
    const bool moved =
        try_on(name, [&] { return transact_dead_retry(connection_, keys_, slice_.front()); });
    // On a full Redis only a function may still move it.
    if (!moved && why_[name[0]].find("\"OOM ") != std::string::npos) {
      why_.erase(name[0]);
      return send();
    }
    slice_.clear();
    bytes_ = 0;
  }

  std::vector<DeadRetry> slice_;
  std::size_t bytes_ = 0;
  std::optional<bool> may_transact_;
};

class Drop : public DeadMove {
 public:
  using DeadMove::DeadMove;

 private:
  void act_on(std::span<const std::string> names, std::span<const std::int64_t> sizes) override {
    std::vector<std::string> small;
    std::vector<std::int64_t> small_sizes;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!detail::id_in_name(names[i])) {
        remove({names[i], 0, sizes[i]});  // no function of Ferry's has counted it
      } else if (sizes[i] == 0) {
        remove({names[i], 1, 0});  // how many jobs it had is lost with its bytes
      } else if (sizes[i] > slice_bytes) {
        drop_large(names[i], sizes[i]);
      } else {
        small.push_back(names[i]);
        small_sizes.push_back(sizes[i]);
      }
    }
    for (std::size_t at = 0; at < small.size();) {
      const std::size_t count = slice_of(std::span(small_sizes).subspan(at));
      drop_small(std::span(small).subspan(at, count));
      at += count;
    }
  }

  void drop_small(std::span<const std::string> names) {
    const auto drop = [&](std::span<const std::string> some) {
      return try_on(some, [&] { return call_dead_drop(connection_, keys_, some); });
    };
    if (drop(names) || names.size() == 1) return;
    for (const std::string& name : names) {
      if (drop({&name, 1})) why_.erase(name);
    }
  }

  /// The functions need not read it to know its jobs.
  void drop_large(const std::string& name, std::int64_t size) {
    std::int64_t jobs = 1;
    detail::read_parked(connection_, keys_, {&name, 1}, {&size, 1},
                        [&](std::size_t, std::string_view bytes) {
                          jobs = std::max<std::int64_t>(1, detail::jobs_in(bytes));
                          return true;
                        });
    remove({name, jobs, size});
  }

  void remove(const SeenEnvelope& letter) {
    try_on({&letter.name, 1}, [&] {
      return call_remove(connection_, keys_, "dead", {&letter, 1}).jobs;
    });
  }
};

DeadLeft left_behind(const std::string& name, const std::string& why) {
  const auto id = detail::id_in_name(name);
  return {id.value_or(JobId{}), true, id ? why : "\"" + one_line(name) + "\": " + why};
}

/// Acts on the letters with these ids, and tells of each that is not there or stays.
void act_on_ids(Connection& connection, const Keys& keys, std::span<const JobId> ids,
                DeadMove& move, const OnDeadLeft& left) {
  call_remove(connection, keys, "dead", {});  // asks for an operator's rights, before all else
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
      if (std::ranges::any_of(of_id, [](const auto& time) { return time.has_value(); })) continue;
      left({some[i], false, "no dead letter (any more)"});
    }
    if (names.empty()) continue;
    move.act(names);
    const auto after = detail::times_of_death(connection, keys, names);
    for (std::size_t i = 0; left && i < names.size(); ++i) {
      if (after[i] == died_at[i]) left(left_behind(names[i], move.why_left(names[i])));
    }
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
  DeadWalk walk(static_cast<double>(books.server_time_ms), books.dead_entries);
  while (!walk.over()) {
    const auto names = walk.take(page_at(connection, keys, rank_of_next(connection, keys, walk)));
    if (!names.empty()) move.act(names);
    std::vector<std::string> page;
    for (const detail::DeadName& letter : walk.page()) page.push_back(letter.name);
    const auto stayed = walk.settle(detail::times_of_death(connection, keys, page));
    if (progress && stayed.size() < page.size()) progress(move.jobs());
    for (const std::string& name : stayed) {
      if (left && std::ranges::find(names, name) != names.end()) {
        left(left_behind(name, move.why_left(name)));
      }
    }
  }
}

}  // namespace

std::int64_t Queue::retry_dead(std::span<const JobId> ids, const OnDeadLeft& left) {
  Retry retry(impl_->ready(), impl_->keys);
  act_on_ids(impl_->ready(), impl_->keys, ids, retry, left);
  return retry.jobs();
}

std::int64_t Queue::retry_all_dead(const std::function<void(std::int64_t moved)>& progress,
                                   const OnDeadLeft& left) {
  Retry retry(impl_->ready(), impl_->keys);
  act_on_all(impl_->ready(), impl_->keys, retry, progress, left);
  return retry.jobs();
}

std::int64_t Queue::drop_dead(std::span<const JobId> ids, const OnDeadLeft& left) {
  Drop drop(impl_->ready(), impl_->keys);
  act_on_ids(impl_->ready(), impl_->keys, ids, drop, left);
  return drop.jobs();
}

std::int64_t Queue::drop_all_dead(const std::function<void(std::int64_t dropped)>& progress,
                                  const OnDeadLeft& left) {
  Drop drop(impl_->ready(), impl_->keys);
  act_on_all(impl_->ready(), impl_->keys, drop, progress, left);
  return drop.jobs();
}

}  // namespace ferry
