#include "stages/fetch.hpp"

#include <algorithm>
#include <cmath>
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

Fetcher::~Fetcher() { stop(); }

void Fetcher::start() {
  thread_ = std::thread([this] { loop(); });
}

void Fetcher::pause(const std::vector<bool>& paused) {
  const std::lock_guard lock(mutex_);
  for (std::uint32_t i = 0; i < paused.size(); ++i) plan_.pause(i, paused[i]);
}

void Fetcher::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

redis::Meter Fetcher::meter() const {
  const std::lock_guard lock(mutex_);
  return meter_;
}

void Fetcher::loop() {
  while (!stopping_) {
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
      if (adopter_.take_wanted_recovery()) adopter_.recover(connection_);
      fetch_once();
    } catch (const Error& e) {
      connection_.close();
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
  const std::lock_guard lock(mutex_);
  meter_ = connection_.meter();  // the last fetch counts as well
}

std::vector<std::string> Fetcher::command(const Fetch& fetch, std::uint64_t epoch) const {
  std::vector<std::string> command{"XREADGROUP",        "GROUP", std::string(group_name),
                                   leases_.name(epoch), "COUNT", std::to_string(fetch.count)};
  if (fetch.block) {
    command.emplace_back("BLOCK");
    command.push_back(std::to_string(block.count()));
  }
  command.emplace_back("STREAMS");
  for (const StreamAt& at : fetch.streams) {
    command.push_back(leases_.queues()[at.queue].ready[static_cast<std::size_t>(at.priority)]);
  }
  command.insert(command.end(), fetch.streams.size(), ">");
  return command;
}

void Fetcher::fetch_once() {
  const std::size_t room = in_flight_.wait_for_credit(Clock::now() + block);
  if (room == 0) return;
  Fetch fetch;
  {
    const std::lock_guard lock(mutex_);
    const auto envelopes = static_cast<std::size_t>(static_cast<double>(room) / jobs_per_envelope_);
    fetch = plan_.next(std::clamp<std::size_t>(envelopes, 1, most_envelopes));
    meter_ = connection_.meter();
  }
  if (fetch.streams.empty()) {
    std::this_thread::sleep_for(block);  // every queue is paused
    return;
  }
  leases_.register_missing(connection_);
  const std::uint64_t epoch = leases_.current_epoch();
  const auto words = command(fetch, epoch);
  const std::vector<std::string_view> arguments(words.begin(), words.end());
  const redis::ReplyPtr reply = connection_.command(arguments);
  if (reply->root().is_error()) {
    if (handle_error(reply->root().text)) return;
    throw redis::error_of(reply->root().text);
  }

  std::vector<std::size_t> found(fetch.streams.size(), 0);
  std::vector<EnvelopePtr> envelopes;
  std::size_t jobs = 0;
  for (const redis::Reply& stream : reply->root()) {
    const auto at = std::ranges::find_if(fetch.streams, [&](const StreamAt& asked) {
      return leases_.queues()[asked.queue].ready[static_cast<std::size_t>(asked.priority)] ==
             stream[0].text;
    });
    if (at == fetch.streams.end()) continue;
    for (const redis::Reply& entry : stream[1]) {
      auto envelope = Adopter::envelope_of(entry, reply, at->queue, at->priority, epoch);
      if (envelope == nullptr) continue;
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
  adopter_.adopt(std::move(envelopes));
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
