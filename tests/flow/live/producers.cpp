#include "flow/live/producers.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <span>
#include <utility>

#include "flow/live/flow_job.hpp"
#include "flow/mix/dice.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::string filling_of(const MixKind& kind, std::uint64_t seed) {
  constexpr std::string_view words = "jobs that travel together, ";
  Dice dice(seed);
  std::string filling;
  filling.reserve(kind.payload_bytes);
  while (filling.size() < kind.payload_bytes) {
    filling += kind.repetitive ? words[filling.size() % words.size()]
                               : static_cast<char>(' ' + dice.below(95));
  }
  return filling;
}

ClientOptions client_options(const RedisOptions& redis, const MixKind& kind) {
  ClientOptions options;
  options.redis = redis;
  options.queue = queue_name(kind.queue);
  options.max_jobs_per_envelope = kind.envelope_jobs;
  options.compress_from_bytes = kind.compress_from_bytes;
  return options;
}

}  // namespace

/// One kind's client, and the two threads that hand over and that hear the answers.
class Producers::OneKind {
 public:
  OneKind(Producers& all, std::uint32_t kind, Clock::time_point began)
      : all_(all),
        settings_(all.mix_.kinds[kind]),
        kind_(kind),
        began_(began),
        filling_(filling_of(settings_, all.mix_.seed + kind)),
        client_(client_options(all.redis_, settings_)),
        hearing_([this] { hear(); }),
        handing_([this] { hand_over(); }) {}

  ~OneKind() { join(); }

  void join() {
    if (handing_.joinable()) handing_.join();
    if (hearing_.joinable()) hearing_.join();
  }

  void add_to(SentCounts& counts) const {
    const ClientStats stats = client_.stats();
    counts.calls += static_cast<std::int64_t>(stats.calls);
    counts.envelopes += static_cast<std::int64_t>(stats.envelopes);
    counts.refused += refused_;
    counts.late_ms = std::max(counts.late_ms, late_ms_);
    if (counts.first_error.empty()) counts.first_error = first_error_;
  }

 private:
  struct Asked {
    std::uint32_t job;
    Receipt receipt;
  };

  Moment now() const { return Clock::now() - began_; }

  void hand_over() {
    const auto& jobs = all_.by_kind_[kind_];
    for (std::size_t i = 0; i < jobs.size() && !all_.stopping_;) {
      const std::uint32_t portion = all_.schedule_[jobs[i]].portion;
      std::size_t end = i;
      while (end < jobs.size() && all_.schedule_[jobs[end]].portion == portion) ++end;
      if (!wait_until(all_.schedule_[jobs[i]].at)) break;
      hand_over_portion(std::span(jobs).subspan(i, end - i));
      i = end;
    }
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_one();
  }

  bool wait_until(Moment at) {
    while (now() < at && !all_.stopping_) {
      std::this_thread::sleep_until(std::min(began_ + at, Clock::now() + Clock::duration(20ms)));
    }
    const auto late = std::chrono::duration_cast<std::chrono::milliseconds>(now() - at);
    if (!settings_.stored_first) late_ms_ = std::max<std::int64_t>(late_ms_, late.count());
    return !all_.stopping_;
  }

  void hand_over_portion(std::span<const std::uint32_t> jobs) {
    const PlannedJob& first = all_.schedule_[jobs.front()];
    const bool alike = std::ranges::all_of(jobs, [&](std::uint32_t i) {
      const PlannedJob& job = all_.schedule_[i];
      return job.key == first.key && job.priority == first.priority && job.due == first.due;
    });
    if (alike && jobs.size() > 1 && settings_.envelope_jobs > 1) {
      with_kind(kind_, [&]<std::size_t index>() { hand_over_bulk<index>(jobs); });
      return;
    }
    for (const std::uint32_t job : jobs) hand_over_one(job);
  }

  EnqueueOptions options_of(const PlannedJob& job) const {
    EnqueueOptions options;
    options.priority = job.priority;
    if (job.key > 0) options.batch_key = "key-" + std::to_string(job.key);
    if (job.due.count() > 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(job.due - now());
      options.run_after = std::max(1ms, left);
    }
    return options;
  }

  template <std::size_t index>
  void hand_over_bulk(std::span<const std::uint32_t> jobs) {
    std::vector<FlowJob<index>> packed;
    packed.reserve(jobs.size());
    for (const std::uint32_t job : jobs) {
      packed.push_back({job, filling_});
      all_.sent_[job].handed = now();
    }
    const auto results = client_.enqueue_all(packed, options_of(all_.schedule_[jobs.front()]));
    const Moment stored = now();
    for (std::size_t i = 0; i < jobs.size(); ++i) note(jobs[i], results[i], stored);
  }

  void hand_over_one(std::uint32_t job) {
    buffer_.clear();
    with_kind(kind_, [&]<std::size_t index>() {
      msgpack::pack(buffer_, FlowJob<index>{job, filling_});
    });
    all_.sent_[job].handed = now();
    const EnqueueOptions options = options_of(all_.schedule_[job]);
    Receipt receipt =
        client_.enqueue_packed_async(kind_names[kind_], {buffer_.data(), buffer_.size()}, options);
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back({job, std::move(receipt)});
    }
    changed_.notify_one();
  }

  void hear() {
    while (true) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ended_ || !asked_.empty(); });
      if (asked_.empty()) return;
      const Asked next = std::move(asked_.front());
      asked_.pop_front();
      lock.unlock();
      const EnqueueResult result = next.receipt.get();
      note(next.job, result, now());
    }
  }

  void note(std::uint32_t job, const EnqueueResult& result, Moment stored) {
    SentJob& sent = all_.sent_[job];
    if (result) {
      sent.id = result.id;
      sent.stored = stored;
      return;
    }
    const std::lock_guard lock(mutex_);
    ++refused_;
    if (first_error_.empty()) first_error_ = result.error->what();
  }

  Producers& all_;
  const MixKind& settings_;
  std::uint32_t kind_;
  Clock::time_point began_;
  std::string filling_;
  Client client_;
  msgpack::sbuffer buffer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Asked> asked_;
  bool ended_ = false;
  std::int64_t refused_ = 0;
  std::int64_t late_ms_ = 0;
  std::string first_error_;
  std::thread hearing_;
  std::thread handing_;
};

Producers::Producers(const RedisOptions& redis, const Mix& mix,
                     const std::vector<PlannedJob>& schedule)
    : redis_(redis),
      mix_(mix),
      schedule_(schedule),
      by_kind_(mix.kinds.size()),
      sent_(schedule.size()) {
  for (std::uint32_t i = 0; i < schedule.size(); ++i) by_kind_[schedule[i].kind].push_back(i);
}

Producers::~Producers() {
  stop();
  join();
}

void Producers::start(bool stored_first, Clock::time_point began) {
  for (std::uint32_t i = 0; i < mix_.kinds.size(); ++i) {
    if (mix_.kinds[i].stored_first != stored_first || by_kind_[i].empty()) continue;
    running_.push_back(std::make_unique<OneKind>(*this, i, began));
  }
}

void Producers::join() {
  for (const auto& one : running_) {
    one->join();
    one->add_to(counts_);
  }
  running_.clear();
}

}  // namespace ferry::flow
