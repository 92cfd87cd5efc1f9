#include "stages/fetch.hpp"

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <system_error>
#include <utility>

#include "functions/library.hpp"
#include "redis/errors.hpp"

namespace ferry::detail {
namespace {

using Clock = std::chrono::steady_clock;

/// Envelopes asked of one stream at most: a reply stays in the tens of megabytes.
constexpr std::size_t most_envelopes = 1000;

}  // namespace

Fetcher::Fetcher(const RedisOptions& redis, FetchPlan plan, Leases& leases, InFlight& in_flight,
                 Adopter& adopter, Metrics& metrics, const Log& log)
    : connection_(redis, block),
      leases_(leases),
      in_flight_(in_flight),
      adopter_(adopter),
      metrics_(metrics),
      log_(log),
      plan_(std::move(plan)) {}

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

void Fetcher::pause(const std::vector<bool>& paused) {
  const std::lock_guard lock(mutex_);
  for (std::uint32_t i = 0; i < paused.size(); ++i) plan_.pause(i, paused[i]);
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
        leases_.register_missing(connection_);
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
    command.add(std::to_string(block.count()));
  }
  command.add("STREAMS");
  for (const StreamAt& at : fetch.streams) {
    command.add(leases_.queues()[at.queue].ready[static_cast<std::size_t>(at.priority)]);
  }
  for (std::size_t i = 0; i < fetch.streams.size(); ++i) command.add(">");
  return command;
}

/// Sends the next fetch, for at most `room` jobs.
void Fetcher::ask(std::size_t room) {
  Fetch fetch;
  {
    const std::lock_guard lock(mutex_);
    const auto envelopes = static_cast<std::size_t>(static_cast<double>(room) / jobs_per_envelope_);
    fetch = plan_.next(std::clamp<std::size_t>(envelopes, 1, most_envelopes));
    meter_ = connection_.meter();
  }
  if (fetch.streams.empty()) return;
  leases_.register_missing(connection_);
  const std::uint64_t epoch = leases_.current_epoch();
  const redis::Words words = command(fetch, epoch);
  connection_.append(words.views());
  connection_.flush();
  asked_ = Asked{std::move(fetch), epoch};
}

/// While Redis answers, what it answered before is decoded; but only where it has more, since
/// otherwise a job that has come waits for this.
void Fetcher::ask_ahead() {
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    more = plan_.any_more();
  }
  if (!more || stopping_ || adopter_.recovery_wanted()) return;
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
    std::this_thread::sleep_for(block);  // every queue is paused
    return true;
  }
  const redis::ReplyPtr reply = connection_.read();
  const auto [fetch, epoch] = *std::exchange(asked_, std::nullopt);
  if (reply->root().is_error()) {
    alarm_if_emptied(reply->root().text);
    if (handle_error(reply->root().text)) return true;
    throw redis::error_of(reply->root().text);
  }
  emptied_ = false;

  std::vector<std::size_t> found(fetch.streams.size(), 0);
  std::vector<EnvelopePtr> envelopes;
  std::size_t jobs = 0;
  for (const redis::Reply& stream : reply->root()) {
    const auto at = std::ranges::find_if(fetch.streams, [&](const StreamAt& asked) {
      return leases_.queues()[asked.queue].ready[static_cast<std::size_t>(asked.priority)] ==
             stream[0].text;
    });
    if (at == fetch.streams.end()) continue;
    auto blanks = in_flight_.blank(stream[1].size);
    auto blank = blanks.begin();
    for (const redis::Reply& entry : stream[1]) {
      EnvelopePtr envelope = std::move(*blank++);
      if (!Adopter::fill(*envelope, entry, reply, at->queue, at->priority, epoch)) continue;
      jobs += envelope->count;
      ++found[static_cast<std::size_t>(at - fetch.streams.begin())];
      envelopes.push_back(std::move(envelope));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    plan_.report(fetch, found);
  }
  if (!envelopes.empty()) {
    const double seen = static_cast<double>(jobs) / static_cast<double>(envelopes.size());
    // Believed at once when larger, slowly when smaller: better one fetch too small than too large.
    jobs_per_envelope_ = std::max(seen, 0.9 * jobs_per_envelope_ + 0.1 * seen);
  }
  envelopes = in_flight_.add(std::move(envelopes));
  ask_ahead();
  return adopter_.send(std::move(envelopes), CallerMay::run);
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

/// Returns: whether the fetch can simply be made again.
bool Fetcher::handle_error(std::string_view text) {
  switch (redis::remedy_of(text)) {
    case redis::Remedy::make_group:
      leases_.forget_registration();
      leases_.register_missing(connection_);
      return true;
    case redis::Remedy::install:
      ensure_library(connection_);
      return true;
    default:
      return false;
  }
}

}  // namespace ferry::detail
