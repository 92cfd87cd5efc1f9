#include "stages/settle.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "functions/library.hpp"
#include "functions/replies.hpp"
#include "redis/errors.hpp"
#include "stages/wall_clock.hpp"

namespace ferry::detail {
namespace {

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

bool in_stream_order(const LeasedEnvelope* a, const LeasedEnvelope* b) {
  return std::tie(a->queue, a->priority, a->id, a) < std::tie(b->queue, b->priority, b->id, b);
}

JobMark mark_of(Verb verb) {
  switch (verb) {
    case Verb::done:
      return JobMark::done;
    case Verb::expired:
      return JobMark::expired;
    case Verb::move:
      break;
  }
  return JobMark::moved;
}

}  // namespace

Settler::Settler(const RedisOptions& redis, Leases& leases, InFlight& in_flight, Metrics& metrics,
                 const Log& log, Told told, std::function<void(RunPtr)> run_suspect)
    : connection_(redis),
      leases_(leases),
      in_flight_(in_flight),
      metrics_(metrics),
      log_(log),
      told_(std::move(told)),
      run_suspect_(std::move(run_suspect)) {}

Settler::~Settler() { stop(); }

void Settler::start() {
  thread_ = std::thread([this] { loop(); });
}

void Settler::add(Report report) {
  if (report.settlements.empty() && report.burials.empty() && report.put_offs.empty()) return;
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
  bool urgent = !report.burials.empty() || !report.put_offs.empty();
  for (const Settlement& settlement : report.settlements) {
    LeasedEnvelope& envelope = *settlement.envelope;
    envelope.unreported -= std::min<std::size_t>(envelope.unreported, settlement.jobs);
    urgent = urgent || envelope.unreported == 0 || envelope.suspect;
  }
  return urgent;
}

/// Returns: when the oldest outcome of an unfinished envelope is to be told. Under the mutex.
Settler::Clock::time_point Settler::next_due() const {
  auto oldest = Clock::time_point::max() - partial_after;
  if (!inbox_.empty()) oldest = inbox_.front().at;
  for (const LeasedEnvelope* envelope : partial_) {
    oldest = std::min(oldest, envelope->pending_since);
  }
  return oldest + partial_after;
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

bool Settler::wait_for_work(std::vector<Report>& reports, std::vector<RunPtr>& suspects,
                            bool& tell_all) {
  std::unique_lock lock(mutex_);
  const auto something = [&] {
    return stopping_ || urgent_ || !suspects_.empty() ||
           (tell_all_ && !(partial_.empty() && inbox_.empty()));
  };
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
  suspects.swap(suspects_);
  tell_all = tell_all_ || stopping_;
  meter_ = connection_.meter();
  return !(stopping_ && reports.empty() && suspects.empty() && partial_.empty());
}

void Settler::loop() {
  std::vector<Report> reports;
  std::vector<RunPtr> suspects;
  std::vector<LeasedEnvelope*> touched;
  bool tell_all = false;
  while (true) {
    reports.clear();
    suspects.clear();
    if (!wait_for_work(reports, suspects, tell_all)) return;
    touched.swap(partial_);
    partial_.clear();
    std::vector<Call> calls;
    for (Report& report : reports) {
      take(report, touched);
      for (const Burial& burial : report.burials) calls.push_back(bury_call(burial));
      for (LeasedEnvelope* envelope : report.put_offs) calls.push_back(put_off_call(*envelope));
    }
    std::ranges::sort(touched, in_stream_order);
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    auto settling = calls_for(touched, tell_all);
    std::ranges::move(settling, std::back_inserter(calls));
    // After the outcomes: when a suspect's start is noted, the one before it is settled.
    for (const RunPtr& run : suspects) add_start(calls, run);
    touched.clear();
    make(calls);
  }
}

void Settler::take(Report& report, std::vector<LeasedEnvelope*>& touched) {
  LeasedEnvelope* last = nullptr;
  for (const Settlement& settlement : report.settlements) {
    LeasedEnvelope& envelope = *settlement.envelope;
    const std::size_t pending_before = envelope.pending;
    const auto ended_ns =
        static_cast<std::uint64_t>(std::chrono::nanoseconds(report.at.time_since_epoch()).count());
    for (std::uint32_t i = 0; i < settlement.jobs; ++i) {
      JobMark& mark = envelope.marks[settlement.index + i];
      if (mark != JobMark::open) continue;
      mark = mark_of(settlement.verb);
      ++envelope.pending;
      --envelope.open;
      if (mark == JobMark::done) envelope.ended_ns += ended_ns;
      if (mark == JobMark::moved) {
        envelope.moves.push_back(std::move(report.moves[settlement.move]));
      }
    }
    if (envelope.pending == pending_before) continue;
    if (pending_before == 0) envelope.pending_since = report.at;
    if (&envelope != last) touched.push_back(&envelope);
    last = &envelope;
  }
}

std::vector<Settler::Call> Settler::calls_for(const std::vector<LeasedEnvelope*>& touched,
                                              bool tell_all) {
  std::vector<Call> calls;
  const auto now = Clock::now();
  for (LeasedEnvelope* envelope : touched) {
    if (envelope->pending == 0) continue;
    const bool whole = envelope->open == 0;
    const bool soon = tell_all || envelope->suspect;
    if (!whole && !soon && now < envelope->pending_since + partial_after) {
      partial_.push_back(envelope);
      continue;
    }
    const bool only_done = std::ranges::all_of(envelope->marks, [](JobMark mark) {
      return mark == JobMark::done || mark == JobMark::settled;
    });
    if (whole && only_done) {
      add_done(calls, *envelope);
    } else {
      calls.push_back(settle_call(*envelope));
    }
  }
  for (Call& call : calls) {
    if (call.kind == Call::Kind::done) write_done(call);
  }
  return calls;
}

/// Makes all calls, again and again until each is answered; gives up only when stopping.
void Settler::make(std::vector<Call>& calls) {
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

bool Settler::send(std::vector<Call>& calls, std::size_t& answered_calls) {
  if (answered_calls == calls.size()) return true;
  try {
    connection_.connect();
    for (std::size_t i = answered_calls; i < calls.size(); ++i) {
      connection_.append(calls[i].arguments.views());
    }
    connection_.flush();
    while (answered_calls < calls.size()) {
      const redis::ReplyPtr reply = connection_.read();
      if (reply->root().is_error()) {
        if (reply->root().text.starts_with("FERRYBAD")) {
          log_.error("an outcome could not be stored; its job runs again once this worker has left",
                     {{"reason", reply->root().text}});
          refused(calls[answered_calls++]);
          continue;
        }
        const auto remedy = redis::remedy_of(reply->root().text);
        connection_.close();  // the replies behind this one belong to calls that are made again
        if (remedy == redis::Remedy::install) {
          connection_.connect();
          ensure_library(connection_);
        }
        throw redis::error_of(reply->root().text);
      }
      answered(calls[answered_calls++], reply->root());
    }
  } catch (const Error& e) {
    for (std::size_t i = answered_calls; i < calls.size(); ++i) calls[i].repeated = true;
    if (!std::exchange(away_, true)) {
      log_.warning("outcomes wait for Redis; trying again",
                   {{"reason", std::string_view(e.what())}});
    }
    return false;
  }
  backoff_.reset();
  if (std::exchange(away_, false)) log_.info("Redis takes outcomes again");
  metrics_.update([&](WorkerStats& stats) { stats.settle_calls += calls.size(); });
  return true;
}

void Settler::answered(Call& call, const redis::Reply& reply) {
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

void Settler::refused(Call& call) {
  const auto now = Clock::now();
  std::vector<InFlight::Ended> ended;
  std::uint64_t jobs = 0;
  for (LeasedEnvelope* envelope : call.envelopes) {
    jobs += envelope->pending;
    envelope->pending = 0;
    envelope->ended_ns = 0;
    envelope->moves.clear();
    std::ranges::replace_if(
        envelope->marks, [](JobMark mark) { return mark != JobMark::open; }, JobMark::settled);
    if (envelope->open == 0) ended.push_back({envelope, 0});
  }
  in_flight_.remove(ended, now);
  if (jobs > 0) {
    metrics_.update([&](WorkerStats& stats) { stats.stale += jobs; });
    log_.warning("outcomes came too late: the lease had ended and other workers have the jobs",
                 {{"jobs", static_cast<std::int64_t>(jobs)}});
  }
  // A suspect that is not ours any more still has to pass through the graph to free its runner; the
  // run stage sees the lost lease and does not call the handler.
  for (RunPtr& run : call.runs) run_suspect_(std::move(run));
}

void Settler::told(Call& call) {
  const auto now = Clock::now();
  const std::uint64_t wall = wall_us();
  const auto now_ns =
      static_cast<std::uint64_t>(std::chrono::nanoseconds(now.time_since_epoch()).count());
  if (call.kind == Call::Kind::bury) {
    LeasedEnvelope& envelope = *call.envelopes.front();
    metrics_.update([&](WorkerStats& stats) { stats.failed += envelope.count; });
    const InFlight::Ended buried{&envelope, envelope.count};
    in_flight_.remove({&buried, 1}, now);
    return;
  }
  if (call.kind == Call::Kind::done) {
    // Jobs of an envelope that was not finished waited by intent: the youngest tells.
    auto shortest = Clock::duration::max();
    for (const LeasedEnvelope* envelope : call.envelopes) {
      shortest = std::min(shortest, now - envelope->pending_since);
    }
    metrics_.settled_after(shortest);
  }
  metrics_.update([&](WorkerStats& stats) {
    for (const LeasedEnvelope* envelope : call.envelopes) {
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
  });
  if (told_) {
    for (const LeasedEnvelope* envelope : call.envelopes) told_(*envelope, now, wall);
  }
  std::vector<InFlight::Ended> ended;
  ended.reserve(call.envelopes.size());
  for (LeasedEnvelope* envelope : call.envelopes) {
    const std::size_t jobs = envelope->pending;
    envelope->pending = 0;
    envelope->ended_ns = 0;
    envelope->moves.clear();
    std::ranges::replace_if(
        envelope->marks, [](JobMark mark) { return mark != JobMark::open; }, JobMark::settled);
    if (envelope->open == 0) ended.push_back({envelope, jobs});
  }
  in_flight_.remove(ended, now);
  for (RunPtr& run : call.runs) run_suspect_(std::move(run));
}

}  // namespace ferry::detail
