#include <cstdio>
#include <utility>

#include "client/sender.hpp"

namespace ferry::detail {
namespace {

/// The client whose callback this thread is in: that callback must not wait for its own client.
constinit thread_local const Sender* calling_back = nullptr;

void say_on_stderr(const std::string& line) {
  const std::string whole = "ferry: " + line + "\n";
  std::fwrite(whole.data(), 1, whole.size(), stderr);
}

}  // namespace

Sender::CallingBack::CallingBack(const Sender* sender)
    : before_(std::exchange(calling_back, sender)) {}
Sender::CallingBack::~CallingBack() { calling_back = before_; }

void Sender::require_usable() const {
  require_home();
  if (calling_back != this) return;
  throw Error(
      ErrorCode::invalid_argument,
      "a callback of this client (on_failed, on_loss, on_warning) must not enqueue or flush "
      "with it, for it would wait for itself: hand the job to another thread or client");
}

void Sender::require_home() const {
  home_.require({"this client", "make a new client in the new process"});
}

void Sender::note_failed(const std::string& queue, std::size_t jobs, const SharedError& error) {
  if (jobs == 0) return;
  stats_.failed_jobs += jobs;
  const bool first = failures_.line_due() == Clock::time_point::max();
  failures_.count(queue, jobs, error, Clock::now());
  // The sending thread tells it in time, whoever sends now.
  if (first) work_.notify_one();
}

/// Calls the callbacks, from one thread at a time and without the lock: what is added meanwhile is
/// told by the same thread.
void Sender::tell(Lock& lock, bool closing) {
  if (telling_) return;
  telling_ = true;
  while (true) {
    const FailureBook::News news = failures_.take(Clock::now(), closing);
    if (news.empty()) break;
    lock.unlock();
    tell(news);
    lock.lock();
  }
  telling_ = false;
}

void Sender::tell(const FailureBook::News& news) const {
  const CallingBack here(this);
  const auto call = [](const auto& callback, const auto& what) {
    try {
      callback(what);
    } catch (...) {
      // A callback that throws must not stop the sending of everybody's jobs.
    }
  };
  for (const FailedJob& job : news.jobs) call(options_.on_failed, job);
  for (const std::string& line : news.lines) {
    if (options_.on_warning) {
      call(options_.on_warning, std::string_view(line));
    } else {
      say_on_stderr(line);
    }
  }
}

SharedError Sender::give_up_error(const Channel& channel, const Flight& flight) const {
  const std::string waited = std::to_string(options_.block_timeout.count()) + " ms";
  const std::string last =
      flight.last_error != nullptr ? std::string(": ") + flight.last_error->what() : "";
  if (flight.slot != nullptr && flight.slot->sequence.is_unconfirmed()) return flight.last_error;
  if (flight.slot != nullptr && flight.slot->sequence.may_be_stored()) {
    return std::make_shared<const Error>(
        ErrorCode::outcome_unknown,
        "the connection to Redis broke while jobs for queue \"" + channel.queue +
            "\" were under way and did not come back within block_timeout (" + waited +
            "); they are stored or not, nobody knows" + last);
  }
  if (flight.fullness) {
    const Fullness& full = *flight.fullness;
    return std::make_shared<const Error>(
        "queue \"" + channel.queue + "\" is full: " + std::to_string(full.depth_jobs) + " jobs, " +
            std::to_string(full.depth_bytes) + " bytes, the oldest waits for " +
            std::to_string(full.oldest_age.count()) + " ms; try again in " +
            std::to_string(full.retry_after.count()) + " ms or add workers",
        full);
  }
  return std::make_shared<const Error>(
      ErrorCode::unavailable, "jobs for queue \"" + channel.queue +
                                  "\" could not be stored within block_timeout (" + waited +
                                  "); nothing was stored" + last);
}

/// Single jobs that left the cargo of a flight that goes on.
void Sender::take_out(Flight& flight, const std::vector<Cargo::Named>& jobs,
                      const SharedError& error) {
  flight.fail_singles(ids_of(jobs), error);
  note_failed(flight.channel->queue, jobs.size(), error);
  if (options_.on_failed) failures_.add_each(flight.channel->queue, jobs, error);
  let_go(flight, {jobs.size(), 0});
  if (room_waiters_ > 0) room_.notify_all();
}

SharedError Sender::cut_off_error(const Channel& channel, const Flight& flight) {
  return std::make_shared<const Error>(
      ErrorCode::oversized,
      "Redis closed the connection " + std::to_string(flight.cuts) + " times on an envelope of " +
          std::to_string(flight.cargo.slice_largest()) + " bytes for queue \"" + channel.queue +
          "\": raise proto-max-bulk-len and client-query-buffer-limit there, look for a limit of a "
          "proxy, or store the payload elsewhere and enqueue a reference: " +
          flight.last_error->what());
}

void Sender::expire(Flight& flight, const std::vector<Cargo::Named>& jobs) {
  if (jobs.empty()) return;
  stats_.expired_jobs += jobs.size();
  take_out(flight, jobs,
           std::make_shared<const Error>(ErrorCode::expired,
                                         "the job's expires_after passed before it could be "
                                         "stored"));
}

void Sender::refuse_oversized(Flight& flight, const std::vector<Cargo::Named>& jobs) {
  if (jobs.empty()) return;
  take_out(flight, jobs,
           std::make_shared<const Error>(
               ErrorCode::oversized,
               "the job alone is larger than the bound of queue \"" + flight.channel->queue +
                   "\" (QueueLimits::max_bytes, " + std::to_string(options_.limits.max_bytes) +
                   "), so it could never be stored: raise the bound, or store the payload "
                   "elsewhere and enqueue a reference"));
}

/// What is stored of the flight stays stored; the rest fails with `error`.
void Sender::fail(Channel& channel, const std::shared_ptr<Flight>& flight, SharedError error) {
  Cargo& cargo = flight->cargo;
  note_failed(channel.queue, cargo.jobs(), error);
  if (options_.on_failed) {
    cargo.seal();
    failures_.add_each(channel.queue, cargo.jobs_left(), error);
  }
  give_up(channel, *flight);
  if (!cargo.partly_stored()) return depart(channel, flight, std::move(error));
  flight->fail_singles(ids_of(cargo.jobs_left()), std::move(error));
  depart(channel, flight, nullptr);
}

void Sender::depart(Channel& channel, const std::shared_ptr<Flight>& flight, SharedError error) {
  const std::shared_ptr<Flight> kept = flight;
  if (channel.flights.front() == kept) {
    channel.flights.pop_front();
  } else {
    std::erase(channel.flights, kept);
  }
  if (channel.flights.empty()) set_idle(channel);
  let_go(*kept, kept->held);
  kept->channel = nullptr;
  if (kept->slot != nullptr) std::exchange(kept->slot, nullptr)->flight = nullptr;
  kept->cargo.give_memory_to(spare_);
  kept->settle(std::move(error));
  if (room_waiters_ > 0) room_.notify_all();
}

}  // namespace ferry::detail
