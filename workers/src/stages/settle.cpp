#include "stages/settle.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "functions/keys.hpp"
#include "functions/library.hpp"
#include "functions/replies.hpp"
#include "redis/errors.hpp"
#include "stages/wall_clock.hpp"

namespace ferry::detail {
namespace {

using Tell = SettlePlan::Tell;

std::uint64_t& count_of(WorkerStats& stats, MoveTo to) {
  switch (to) {
    case MoveTo::next_attempt:
      return stats.retried;
    case MoveTo::same_attempt:
      return stats.postponed;
    case MoveTo::dead_letters:
      break;
  }
  return stats.failed;
}

QueueHealth::Activity activity_of(SettleCall::Kind kind) {
  using Activity = QueueHealth::Activity;
  switch (kind) {
    case SettleCall::Kind::finish:
      return Activity::finish;
    case SettleCall::Kind::settle:
      return Activity::settle;
    case SettleCall::Kind::bury:
      return Activity::bury;
    case SettleCall::Kind::part:
      return Activity::part;
    case SettleCall::Kind::set_aside:
      return Activity::set_aside;
    case SettleCall::Kind::release:
      return Activity::release;
    case SettleCall::Kind::start:
      break;
  }
  return Activity::start;
}

std::uint64_t open_jobs(const LeasedEnvelope& envelope) {
  return envelope.marks.empty() ? envelope.count : envelope.leaving;
}

}  // namespace

Settler::Settler(const RedisOptions& redis, Leases& leases, InFlight& in_flight,
                 QueueHealth& health, Metrics& metrics, const Log& log,
                 std::set<std::string, std::less<>> kinds, Told told,
                 std::function<void(RunPtr)> run_suspect)
    : connection_(redis),
      leases_(leases),
      in_flight_(in_flight),
      health_(health),
      metrics_(metrics),
      log_(log),
      told_(std::move(told)),
      run_suspect_(std::move(run_suspect)),
      plan_(leases),
      kinds_(std::move(kinds)) {}

Settler::~Settler() { stop(); }

void Settler::start() {
  thread_ = std::thread([this] { loop(); });
}

void Settler::add(Report report) {
  if (report.settlements.empty() && report.burials.empty() && report.leavings.empty()) return;
  if (report.at == Clock::time_point{}) report.at = Clock::now();
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    urgent_ = note(report) || urgent_;
    naps_ = naps_ || !urgent_;
    wakes = urgent_ || tell_all_ || report.at + partial_after < looks_at_;
    inbox_.push_back(std::move(report));
  }
  if (wakes) arrived_.notify_one();
}

/// Counts what a report tells. Under the mutex.
///
/// Returns: whether Redis is to be told at once.
bool Settler::note(const Report& report) {
  bool urgent = !report.burials.empty() || !report.leavings.empty();
  for (const Leaving& leaving : report.leavings) {
    std::size_t& unreported = leaving.envelope->unreported;
    unreported -= std::min(unreported, leaving.jobs.size());
  }
  for (const Settlement& settlement : report.settlements) {
    LeasedEnvelope& envelope = *settlement.envelope;
    envelope.unreported -= std::min<std::size_t>(envelope.unreported, settlement.jobs);
    urgent = urgent || envelope.unreported == 0 || envelope.suspect;
  }
  return urgent;
}

/// Returns: when something is to be told that is not urgent. Under the mutex.
Settler::Clock::time_point Settler::next_due() const {
  const auto planned = plan_.next_due(tell_all_);
  if (inbox_.empty()) return planned;
  return tell_all_ ? Clock::time_point::min()
                   : std::min(planned, inbox_.front().at + partial_after);
}

void Settler::mark_started(RunPtr run) {
  {
    const std::lock_guard lock(mutex_);
    suspects_.push_back(std::move(run));
  }
  arrived_.notify_one();
}

void Settler::tell_everything() {
  {
    const std::lock_guard lock(mutex_);
    tell_all_ = true;
  }
  arrived_.notify_one();
}

void Settler::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  if (thread_.joinable()) thread_.join();
}

redis::Meter Settler::meter() const {
  const std::lock_guard lock(mutex_);
  return meter_;
}

bool Settler::wait_for_work(std::vector<Report>& reports, Tell& tell) {
  std::unique_lock lock(mutex_);
  const auto something = [&] { return stopping_ || urgent_ || !suspects_.empty(); };
  const auto nap_ends = std::exchange(naps_, false) ? Clock::now() + partial_after : Clock::now();
  while (!something()) {
    const auto now = Clock::now();
    const auto due = next_due();
    if (due <= now) break;
    // Where parts of envelopes came lately more will come, and then nobody has to wake this thread.
    looks_at_ = due == Clock::time_point::max() && now < nap_ends ? nap_ends : due;
    if (looks_at_ == Clock::time_point::max()) {
      arrived_.wait(lock);
    } else {
      arrived_.wait_until(lock, looks_at_);
    }
  }
  looks_at_ = Clock::time_point::min();
  urgent_ = false;
  reports.swap(inbox_);
  for (RunPtr& run : std::exchange(suspects_, {})) plan_.take(std::move(run));
  tell = stopping_ ? Tell::postponed : tell_all_ ? Tell::unfinished : Tell::due;
  meter_ = connection_.meter();
  return !(stopping_ && reports.empty() && plan_.empty());
}

void Settler::loop() {
  std::vector<Report> reports;
  Tell tell = Tell::due;
  while (true) {
    reports.clear();
    if (!wait_for_work(reports, tell)) return;
    for (Report& report : reports) plan_.take(report);
    auto calls = plan_.calls(Clock::now(), tell);
    make(calls);
    in_flight_.set_refused(plan_.postponed_jobs(Clock::now()));
    if (tell == Tell::postponed && reports.empty() && !plan_.empty()) {
      log_.error("outcomes could not be told to Redis before the stop; those jobs run again");
      return;
    }
  }
}

/// Makes all calls, again and again until each is answered; gives up only when stopping.
void Settler::make(std::vector<SettleCall>& calls) {
  std::size_t done = 0;
  while (!send(calls, done)) {
    std::unique_lock lock(mutex_);
    if (arrived_.wait_for(lock, backoff_.next(), [&] { return stopping_; })) {
      log_.error("outcomes could not be told to Redis before the stop; those jobs run again",
                 {{"calls", static_cast<std::int64_t>(calls.size() - done)}});
      return;
    }
  }
}

bool Settler::send(std::vector<SettleCall>& calls, std::size_t& answered_calls) {
  if (answered_calls == calls.size()) return true;
  try {
    connection_.connect();
    for (std::size_t i = answered_calls; i < calls.size(); ++i) {
      connection_.append(calls[i].arguments.views());
    }
    connection_.flush();
    while (answered_calls < calls.size()) {
      SettleCall& call = calls[answered_calls];
      const redis::ReplyPtr reply = connection_.read();
      if (!reply->root().is_error()) {
        answered(call, reply->root());
      } else if (!failed(call, reply->root().text)) {
        throw redis::error_of(reply->root().text);
      }
      ++answered_calls;
    }
  } catch (const Error& e) {
    for (std::size_t i = answered_calls; i < calls.size(); ++i) calls[i].repeated = true;
    if (!std::exchange(away_, true)) {
      log_.warning("outcomes wait for Redis; trying again",
                   {{"reason", std::string_view(e.what())}});
    }
    return false;
  }
  tell_of_works();
  backoff_.reset();
  if (std::exchange(away_, false)) log_.info("Redis takes outcomes again");
  metrics_.update([&](WorkerStats& stats) { stats.settle_calls += calls.size(); });
  return true;
}

/// One call may fail in each round while others of its queue succeed: it works when none failed.
void Settler::tell_of_works() {
  const auto now = Clock::now();
  for (const auto& [queue, activity] : std::exchange(worked_, {})) {
    if (health_.failed_within(QueueHealth::rest / 2, queue, activity, now)) continue;
    health_.works(queue, activity);
  }
}

bool Settler::failed(SettleCall& call, std::string_view error_text) {
  if (error_text.starts_with("FERRYBAD") && call.kind != SettleCall::Kind::start) {
    log_.error("an outcome could not be stored; its job runs again once this worker has left",
               {{"reason", error_text}});
    refused(call);
    return true;
  }
  if (is_of_one_queue(error_text)) {
    health_.failed(call.queue, activity_of(call.kind), error_text);
    if (call.kind == SettleCall::Kind::start) {
      // Its runner must not wait for this queue, and without the note nothing of it may run.
      call.noted->unnoted.push_back(call.queue);
      close(call, false, Clock::now());
    } else {
      plan_.postpone(std::move(call), Clock::now() + QueueHealth::rest);
    }
    return true;
  }
  connection_.close();  // the replies behind this one belong to calls that are made again
  if (redis::remedy_of(error_text) == redis::Remedy::install) {
    connection_.connect();
    ensure_library(connection_);
  }
  return false;
}

void Settler::answered(SettleCall& call, const redis::Reply& reply) {
  const auto activity = activity_of(call.kind);
  if (health_.is_failing(call.queue, activity)) worked_.emplace_back(call.queue, activity);
  const auto word = read_settle_word(reply);
  if (!word) {
    // Stored or not, nobody knows; taken for stored, a job could be lost.
    const Error unknown = unknown_reply(call.arguments.views()[1], reply);
    log_.error("an outcome was perhaps not stored; its job runs again once this worker has left",
               {{"reason", std::string_view(unknown.what())}});
    return refused(call);
  }
  if (word == SettleWord::stale) leases_.lost(call.queue, call.epoch);
  // An envelope that is gone after a repeated call was settled by the first one.
  const bool gone = word == SettleWord::gone && !call.repeated;
  if (word == SettleWord::stale || gone) {
    refused(call);
  } else {
    told(call);
  }
}

void Settler::close(SettleCall& call, bool counts, Clock::time_point now) {
  auto ended = plan_.close(call);
  if (!counts) {
    for (InFlight::Acknowledged& one : ended) one.jobs_settled = 0;
  }
  in_flight_.remove(ended, now);
  // A suspect that is not ours any more still has to pass through the graph to free its runner; the
  // run stage sees the lost lease and does not call the handler.
  if (call.starts) run_suspect_(std::move(call.noted));
}

void Settler::refused(SettleCall& call) {
  std::uint64_t jobs = 0;
  for (const LeasedEnvelope* envelope : call.envelopes) jobs += envelope->pending;
  close(call, false, Clock::now());
  if (jobs == 0) return;
  metrics_.update([&](WorkerStats& stats) { stats.stale += jobs; });
  log_.warning("outcomes came too late: the lease had ended and other workers have the jobs",
               {{"jobs", static_cast<std::int64_t>(jobs)}});
}

void Settler::told(SettleCall& call) {
  const auto now = Clock::now();
  if (call.kind == SettleCall::Kind::finish) {
    // Jobs of an envelope that was not finished waited by intent: the youngest tells.
    auto shortest = Clock::duration::max();
    for (const LeasedEnvelope* envelope : call.envelopes) {
      shortest = std::min(shortest, now - envelope->pending_since);
    }
    metrics_.settled_after(shortest);
  }
  metrics_.update([&](WorkerStats& stats) { count(stats, call, now); });
  const bool outcomes =
      call.kind == SettleCall::Kind::finish || call.kind == SettleCall::Kind::settle;
  if (told_ && outcomes) {
    const std::uint64_t wall = wall_us();
    for (const LeasedEnvelope* envelope : call.envelopes) told_(*envelope, now, wall);
  }
  if (call.kind == SettleCall::Kind::set_aside) advise(call, now);
  close(call, true, now);
}

/// Says what would help when a kind's backlog is larger than a worker may hold.
void Settler::advise(const SettleCall& call, Clock::time_point now) {
  constexpr std::chrono::minutes period{1};
  if (!call.holder.starts_with(kind_holder)) return;
  if (!kinds_.contains(std::string_view(call.holder).substr(kind_holder.size()))) return;
  const auto [said, first] = advised_.try_emplace(call.holder, now);
  if (!first && now - said->second < period) return;
  said->second = now;
  log_.warning(
      "more jobs of a kind wait than this worker may begin soon; they were set aside, so that "
      "others run. In a queue of its own the kind would wait where it is",
      {{"queue", std::string_view(health_.name(call.queue))},
       {"kind", std::string_view(call.holder).substr(kind_holder.size())}});
}

void Settler::count(WorkerStats& stats, const SettleCall& call, Clock::time_point now) const {
  using Kind = SettleCall::Kind;
  if (call.kind == Kind::part) stats.given_back += call.given_back;
  if (call.kind == Kind::part) stats.failed += call.jobs.size() - call.given_back;
  const std::uint64_t wall = wall_us();
  const auto now_ns =
      static_cast<std::uint64_t>(std::chrono::nanoseconds(now.time_since_epoch()).count());
  for (const LeasedEnvelope* envelope : call.envelopes) {
    if (call.kind == Kind::bury) stats.failed += envelope->count;
    if (call.kind == Kind::release) stats.given_back += open_jobs(*envelope);
    if (call.kind == Kind::set_aside) stats.set_aside += open_jobs(*envelope);
    if (call.kind != Kind::finish && call.kind != Kind::settle) continue;
    for (const Move& move : envelope->moves) ++count_of(stats, move.to);
    TimesSince waited(stats.enqueue_to_settled, wall);
    std::uint64_t done_now = 0;
    for (std::size_t i = 0; i < envelope->marks.size(); ++i) {
      if (envelope->marks[i] == JobMark::expired) ++stats.expired;
      if (envelope->marks[i] != JobMark::done) continue;
      ++done_now;
      waited.add(envelope->stored.jobs[i].enqueued_us);
    }
    stats.done += done_now;
    stats.stages.settle_us += static_cast<double>(done_now * now_ns - envelope->ended_ns) / 1e3;
  }
}

}  // namespace ferry::detail
