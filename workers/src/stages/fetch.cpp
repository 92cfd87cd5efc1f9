#include "stages/fetch.hpp"

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <system_error>
#include <utility>

#include "functions/library.hpp"
#include "functions/replies.hpp"
#include "many_queues.hpp"
#include "redis/errors.hpp"

namespace ferry::detail {
namespace {

using Activity = QueueHealth::Activity;

/// Envelopes of one answer from which on it is worth two commands to know how large they may be.
constexpr std::size_t looks_at_stored_from = 32;

}  // namespace

Fetcher::Fetcher(const RedisOptions& redis, FetchPlan plan, Leases& leases,
                 const ControlBoard& board, InFlight& in_flight, Adopter& adopter,
                 QueueHealth& health, Metrics& metrics, const Log& log)
    : block_(are_many(leases.queues().size()) ? block_with_many : block),
      connection_(redis, block_),
      leases_(leases),
      board_(board),
      in_flight_(in_flight),
      adopter_(adopter),
      health_(health),
      metrics_(metrics),
      log_(log),
      plan_(std::move(plan)),
      sizes_(leases.queues().size()),
      rests_until_(leases.queues().size(), Clock::time_point::min()) {}

Fetcher::~Fetcher() {
  stop();
  for (std::thread& thread : threads_) thread.join();
}

/// Threads: `threads_mutex_` is held.
void Fetcher::fetch_in_new_thread() {
  for (const std::thread::id left : std::exchange(left_, {})) {
    const auto thread = std::ranges::find(threads_, left, &std::thread::get_id);
    thread->join();
    threads_.erase(thread);
  }
  threads_.emplace_back([this] { loop(); });
}

void Fetcher::start() {
  const std::lock_guard lock(threads_mutex_);
  fetching_ = true;
  fetch_in_new_thread();
}

bool Fetcher::take_over() {
  const std::lock_guard lock(threads_mutex_);
  try {
    fetch_in_new_thread();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

void Fetcher::stop() {
  stopping_ = true;
  std::unique_lock lock(threads_mutex_);
  ended_.wait(lock, [this] { return !fetching_; });
}

redis::Meter Fetcher::meter() const {
  const std::lock_guard lock(mutex_);
  return meter_;
}

void Fetcher::loop() {
  pthread_setname_np(pthread_self(), "ferry-fetch");  // for top -H and the like
  while (!stopping_ || asked_) {
    try {
      if (!connection_.connected()) {
        connection_.connect();
        ensure_library(connection_);  // a server that lost its data lost the functions as well
        leases_.register_missing(connection_, health_);
        adopter_.want_recovery();
        if (std::exchange(away_, std::nullopt)) {
          log_.info("Redis is back; fetching again");
          metrics_.update([](WorkerStats& stats) { ++stats.reconnects; });
        }
        backoff_.reset();
      }
      if (in_flight_.take_delivered_again()) adopter_.want_recovery();
      if (!asked_ && adopter_.take_wanted_recovery()) adopter_.recover(connection_);
      if (!fetch_once()) {
        const std::lock_guard lock(threads_mutex_);
        left_.push_back(std::this_thread::get_id());
        return;
      }
    } catch (const Error& e) {
      connection_.close();
      asked_.reset();
      adopter_.want_recovery();
      // Once for each kind of reason: a lost connection may come back to a changed password.
      if (std::exchange(away_, e.code()) != e.code()) {
        const std::string_view reason = e.what();
        if (e.code() == ErrorCode::denied) {
          log_.error("Redis refuses; trying again", {{"reason", reason}});
        } else {
          log_.warning("cannot fetch; trying again", {{"reason", reason}});
        }
      }
      const auto until = Clock::now() + backoff_.next();
      while (!stopping_ && Clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
      }
    }
  }
  {
    const std::lock_guard lock(mutex_);
    meter_ = connection_.meter();  // the last fetch counts as well
  }
  const std::lock_guard lock(threads_mutex_);
  fetching_ = false;
  ended_.notify_all();
}

redis::Words Fetcher::command(const Fetch& fetch, std::uint64_t epoch) const {
  redis::Words command{"XREADGROUP",        "GROUP", group_name,
                       leases_.name(epoch), "COUNT", std::to_string(fetch.count)};
  if (fetch.block) {
    command.add("BLOCK");
    command.add(std::to_string(block_.count()));
  }
  command.add("STREAMS");
  for (const StreamAt& at : fetch.streams) {
    command.add(leases_.queues()[at.queue].ready[static_cast<std::size_t>(at.priority)]);
  }
  for (std::size_t i = 0; i < fetch.streams.size(); ++i) command.add(">");
  return command;
}

void Fetcher::choose_queues(Clock::time_point now) {
  for (std::uint32_t queue = 0; queue < rests_until_.size(); ++queue) {
    // What could not be settled would only take credits from other queues.
    const bool asked = !board_.is_paused(queue) && leases_.is_registered(queue) &&
                       !health_.cannot_end(queue, now) && now >= rests_until_[queue];
    plan_.pause(queue, !asked);
  }
}

std::size_t Fetcher::count_of(const Fetch& fetch, std::size_t jobs, std::size_t bytes,
                              Clock::time_point now) {
  std::size_t count = FetchSize::most;
  for (const StreamAt& at : fetch.streams) {
    count = std::min(count, size_of(at).next(jobs, bytes, now));
  }
  return count;
}

/// Of a stream that is known to have more, many envelopes are asked for; of those believed empty
/// few, since nobody knows what comes there.
std::vector<Fetch> Fetcher::next_fetches(std::size_t room, Clock::time_point now) {
  Fetch fetch = plan_.next(room);
  if (fetch.streams.empty()) return {};
  if (!std::exchange(apart_, false)) {
    const std::size_t jobs = fetch.count;
    const std::size_t bytes = in_flight_.free_bytes() * jobs / room;
    auto [others, more] = plan_.split(fetch);
    others.count = count_of(others, jobs, bytes, now);
    if (more.streams.empty()) return {std::move(others)};
    more.count = count_of(more, jobs, bytes, now);
    if (!others.streams.empty() && 2 * others.count < more.count) {
      return {std::move(others), std::move(more)};
    }
    fetch.count = more.count;
    return {std::move(fetch)};
  }
  std::vector<Fetch> fetches;
  for (const StreamAt& at : fetch.streams) {
    const bool same = !fetches.empty() && fetches.back().streams.front().queue == at.queue;
    if (!same) fetches.push_back({{}, 1, false});
    fetches.back().streams.push_back(at);
  }
  return fetches;
}

/// Sends the next fetch, for at most `room` jobs.
void Fetcher::ask(std::size_t room) {
  leases_.register_missing(connection_, health_);
  choose_queues(Clock::now());
  {
    const std::lock_guard lock(mutex_);
    meter_ = connection_.meter();
  }
  Asked asked{next_fetches(room, Clock::now()), leases_.current_epoch()};
  if (asked.fetches.empty()) return;
  for (const Fetch& fetch : asked.fetches) {
    const redis::Words words = command(fetch, asked.epoch);
    connection_.append(words.views());
    ask_stored(fetch);
  }
  connection_.flush();
  asked_ = std::move(asked);
}

/// While Redis answers, what it answered before is decoded; but only where it has more, since
/// otherwise a job that has come waits for this.
void Fetcher::ask_ahead() {
  if (!plan_.any_more() || stopping_ || apart_ || adopter_.recovery_wanted()) return;
  const std::size_t room = in_flight_.credit_now();
  if (room == 0) return;
  try {
    ask(room);
  } catch (const Error&) {
    connection_.close();  // the loop connects anew, once what we have is on its way
  }
}

/// Returns: whether this thread still is the one that fetches; if not, nothing may be touched.
bool Fetcher::fetch_once() {
  if (!asked_) {
    const std::size_t room = in_flight_.wait_for_credit(Clock::now() + block);
    if (room == 0 || stopping_) return true;
    ask(room);
  }
  if (!asked_) {
    std::this_thread::sleep_for(block);  // every queue is paused, or fails
    return true;
  }
  const auto [fetches, epoch] = *std::exchange(asked_, std::nullopt);
  std::vector<redis::ReplyPtr> replies;
  for (const Fetch& fetch : fetches) {
    replies.push_back(connection_.read());
    read_stored(fetch);
  }
  std::vector<EnvelopePtr> envelopes;
  for (std::size_t i = 0; i < fetches.size(); ++i) {
    if (check(replies[i]->root(), fetches[i])) take(replies[i], fetches[i], epoch, envelopes);
  }
  envelopes = in_flight_.add(std::move(envelopes));
  ask_ahead();
  return adopter_.send(std::move(envelopes), CallerMay::run);
}

bool Fetcher::check(const redis::Reply& reply, const Fetch& fetch) {
  if (!reply.is_error()) {
    emptied_ = false;
    for (const StreamAt& at : fetch.streams) health_.works(at.queue, Activity::fetch);
    return true;
  }
  alarm_if_emptied(reply.text);
  const bool of_one = fetch.streams.front().queue == fetch.streams.back().queue;
  const auto remedy = redis::remedy_of(reply.text);
  if (remedy != redis::Remedy::make_group && is_of_one_queue(reply.text)) {
    if (of_one) {
      const std::uint32_t queue = fetch.streams.front().queue;
      health_.failed(queue, Activity::fetch, reply.text);
      rests_until_[queue] = Clock::now() + QueueHealth::rest;
    } else {
      apart_ = true;
    }
    return false;
  }
  handle_error(reply.text, fetch);
  return false;
}

void Fetcher::take(const redis::ReplyPtr& reply, const Fetch& fetch, std::uint64_t epoch,
                   std::vector<EnvelopePtr>& envelopes) {
  const auto now = Clock::now();
  std::vector<std::size_t> found(fetch.streams.size(), 0);
  for (const redis::Reply& stream : reply->root()) {
    if (stream.size < 2) continue;
    const auto at = std::ranges::find_if(fetch.streams, [&](const StreamAt& asked) {
      return leases_.queues()[asked.queue].ready[static_cast<std::size_t>(asked.priority)] ==
             stream[0].text;
    });
    if (at == fetch.streams.end()) continue;
    std::size_t most_jobs = 0;
    std::size_t most_bytes = 0;
    auto blanks = in_flight_.blank(stream[1].size);
    auto blank = blanks.begin();
    for (const redis::Reply& entry : stream[1]) {
      EnvelopePtr envelope = std::move(*blank++);
      if (!Adopter::fill(*envelope, entry, reply, at->queue, at->priority, epoch)) continue;
      most_jobs = std::max(most_jobs, envelope->count);
      most_bytes = std::max(most_bytes, envelope->bytes.size());
      ++found[static_cast<std::size_t>(at - fetch.streams.begin())];
      envelopes.push_back(std::move(envelope));
    }
    size_of(*at).answered(fetch.count, stream[1].size, most_jobs, most_bytes, now);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] == 0) size_of(fetch.streams[i]).answered(fetch.count, 0, 0, 0, now);
  }
  plan_.report(fetch, found);
}

void Fetcher::ask_stored(const Fetch& fetch) {
  if (fetch.count <= looks_at_stored_from) return;
  for (const StreamAt& at : fetch.streams) {
    const Keys& keys = leases_.queues()[at.queue];
    connection_.append({"HGET", keys.state, "bytes"});
    connection_.append({"XLEN", keys.ready[static_cast<std::size_t>(at.priority)]});
  }
}

void Fetcher::read_stored(const Fetch& fetch) {
  if (fetch.count <= looks_at_stored_from) return;
  for (const StreamAt& at : fetch.streams) {
    const auto bytes = connection_.read();
    const auto envelopes = connection_.read();
    if (bytes->root().is_error() || envelopes->root().is_error()) continue;
    const auto stored = redis::whole_number(bytes->root().text);
    if (!stored) continue;
    size_of(at).stored(static_cast<std::size_t>(*stored),
                       static_cast<std::size_t>(bounded(envelopes->root(), 0, largest_told_count)));
  }
}

/// This worker has made the streams and their groups itself, and nothing of Ferry ever removes
/// them: whoever did has thrown jobs away.
void Fetcher::alarm_if_emptied(std::string_view text) {
  const bool no_group = redis::remedy_of(text) == redis::Remedy::make_group;
  const bool no_stream = text.starts_with("UNBLOCKED") && text.find("no longer") != text.npos;
  if ((!no_group && !no_stream) || std::exchange(emptied_, true)) return;
  log_.error(
      "the queue's streams are gone: this Redis was emptied (FLUSHALL) or started without its "
      "data; "
      "the jobs that waited in it are lost",
      {{"reason", text}});
}

/// Errors: the reply's, unless the fetch can simply be made again.
void Fetcher::handle_error(std::string_view text, const Fetch& fetch) {
  switch (redis::remedy_of(text)) {
    case redis::Remedy::make_group: {
      const std::uint32_t first = fetch.streams.front().queue;
      if (first != fetch.streams.back().queue) {
        apart_ = true;
        return;
      }
      leases_.forget_registration(first);
      leases_.register_missing(connection_, health_);
      return;
    }
    case redis::Remedy::install:
      ensure_library(connection_);
      return;
    default:
      throw redis::error_of(text);
  }
}

}  // namespace ferry::detail
