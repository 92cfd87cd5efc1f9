#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "batching/batcher.hpp"

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

struct Known {
  std::uint32_t kind = 0;
  std::string key;
  std::uint8_t priority = 0;
  Suspect suspect = Suspect::no;
  std::uint32_t bytes = 0;
  Time at;
};

std::uint64_t number_of(const JobRef& job) { return job.token + job.index; }

/// Mostly small, sometimes larger than a batch may be.
std::uint32_t bytes_of(const JobRef& job) {
  const std::uint64_t random = std::mt19937_64(number_of(job))();
  return static_cast<std::uint32_t>(random % (random % 49 == 0 ? 10'000 : 200));
}

/// Throws random events at a batcher and checks every departure against the rules, told anew in the
/// plainest words.
class Trial {
 public:
  explicit Trial(std::uint64_t seed) : random_(seed) {
    const std::size_t kinds = 1 + pick(4);
    for (std::size_t i = 0; i < kinds; ++i) {
      const bool waits = pick(2) == 0;
      Policy policy = waits ? fixed(1 + pick(20), std::chrono::microseconds{pick(5000)})
                            : realtime(pick(2) == 0 ? 1 : 1 + pick(20));
      policy.max_bytes = 1024 + pick(4096);
      settings_.push_back({policy, 1 + pick(4), pick(2) == 0});
    }
    running_.resize(kinds);
    group_.resize(kinds, 1);
    suspect_group_.resize(kinds, 1);
    total_ = 1 + pick(6);
    arrivals_ = 10 + pick(60);  // from idle to overloaded
    batcher_.emplace(settings_, total_, bytes_of);
  }

  void run(std::size_t events) {
    for (std::size_t i = 0; i < events && !testing::Test::HasFailure(); ++i) {
      event();
      take_all();
    }
    finish();
  }

 private:
  std::size_t pick(std::size_t below) { return random_() % below; }

  void event() {
    now_ += std::chrono::microseconds{pick(300)};
    const std::size_t which = pick(100);
    if (which < arrivals_) {
      for (std::size_t i = 1 + pick(12); i > 0; --i) arrive();
    } else if (which < 92) {
      end_one();
    } else if (which < 94) {
      batcher_->flush();
      flushed_until_ = next_token_;
    } else if (which < 96) {
      const std::size_t kind = pick(settings_.size());
      group_[kind] = 1 + pick(64);
      batcher_->set_group(static_cast<std::uint32_t>(kind), group_[kind]);
      suspect_group_[kind] = 1 + pick(Batcher::most_suspects);
      batcher_->set_suspect_group(static_cast<std::uint32_t>(kind), suspect_group_[kind]);
    } else {
      take_all();
      const auto due = batcher_->due();
      if (!due) return;
      ASSERT_GT(*due, now_) << "next() gave nothing, so nothing can be due";
      now_ = *due;
      ASSERT_TRUE(take_one()) << "something was due";
    }
  }

  void arrive() {
    Known job;
    job.kind = static_cast<std::uint32_t>(pick(settings_.size()));
    job.priority = static_cast<std::uint8_t>(pick(priority_count));
    if (pick(10) == 0) job.suspect = pick(2) == 0 ? Suspect::once : Suspect::again;
    if (pick(2) == 0) job.key = "key-" + std::to_string(pick(3));
    job.at = now_;
    const JobRef first{next_token_, 0};
    const std::uint32_t jobs = pick(2) == 0 ? 1 : 1 + static_cast<std::uint32_t>(pick(9));
    std::uint32_t bytes = 0;
    for (std::uint32_t i = 0; i < jobs; ++i) {
      job.bytes = bytes_of({first.token, i});
      bytes += job.bytes;
      waiting_[next_token_++] = job;
    }
    batcher_->arrive({job.kind, job.key, first, bytes, job.priority, job.suspect, job.at, jobs});
  }

  void end_one() {
    if (under_way_.empty()) return;
    const std::size_t which = pick(under_way_.size());
    const Departure ended = under_way_[which];
    under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(which));
    --running_[ended.kind];
    batcher_->runner_free(ended.kind, ended.suspect);
  }

  void take_all() {
    while (take_one()) {
    }
    ASSERT_EQ(batcher_->held_jobs(), waiting_.size());
    check_nobody_is_held_too_long();
  }

  bool take_one() {
    auto departure = batcher_->next(now_);
    if (!departure) return false;
    check(*departure);
    ++running_[departure->kind];
    EXPECT_LE(running_[departure->kind], settings_[departure->kind].concurrency);
    under_way_.push_back(std::move(*departure));
    EXPECT_LE(under_way_.size(), total_);
    return true;
  }

  void check(const Departure& departure) {
    ASSERT_FALSE(departure.jobs.empty());
    std::vector<Known> jobs;
    for (const JobRef& job : departure.jobs) {
      const auto found = waiting_.find(number_of(job));
      ASSERT_NE(found, waiting_.end()) << "job " << number_of(job) << " left twice";
      jobs.push_back(found->second);
      waiting_.erase(found);
    }
    const Known& first = jobs.front();
    const KindSettings& settings = settings_[departure.kind];
    std::size_t bytes = 0;
    for (const Known& job : jobs) {
      bytes += job.bytes;
      ASSERT_EQ(job.kind, departure.kind);
      ASSERT_EQ(job.priority, first.priority);
      ASSERT_EQ(job.suspect, first.suspect);
      if (first.suspect == Suspect::no) {
        ASSERT_EQ(job.key, first.key);
      }
    }
    if (jobs.size() > 1) {
      ASSERT_LE(bytes, settings.policy.max_bytes);
    }
    ASSERT_EQ(first.suspect, departure.suspect);
    ASSERT_EQ(first.suspect != Suspect::no, departure.reason == LeaveReason::suspect);
    if (first.suspect != Suspect::no) {
      ASSERT_EQ(under_way(Suspect::again), 0);
    }
    if (first.suspect == Suspect::again) {
      ASSERT_EQ(jobs.size(), 1u);
      ASSERT_EQ(under_way(Suspect::once), 0);
    }
    const bool grouped = settings.per_job && settings.policy.kind == PolicyKind::realtime &&
                         settings.policy.max_jobs == 1;
    const auto& groups = first.suspect == Suspect::no ? group_ : suspect_group_;
    ASSERT_LE(jobs.size(), grouped ? groups[departure.kind] : settings.policy.max_jobs);
    if (departure.reason == LeaveReason::linger) {
      ASSERT_GE(now_, first.at + settings.policy.linger);
    }
    if (departure.reason == LeaveReason::flush) {
      ASSERT_LT(number_of(departure.jobs.front()), flushed_until_);
    }
    for (std::size_t i = 1; i < departure.jobs.size(); ++i) {
      ASSERT_LT(number_of(departure.jobs[i - 1]), number_of(departure.jobs[i])) << "out of order";
    }
  }

  std::ptrdiff_t under_way(Suspect suspect) const {
    return std::ranges::count(under_way_, suspect, &Departure::suspect);
  }

  /// Whether those that run keep this one waiting.
  bool waits_for_others(Suspect suspect) const {
    if (suspect == Suspect::no) return false;
    return under_way(Suspect::again) > 0 ||
           (suspect == Suspect::again && under_way(Suspect::once) > 0);
  }

  /// What waits although its kind has a free runner must be held by a fixed policy, and not for
  /// longer than its linger.
  void check_nobody_is_held_too_long() {
    if (under_way_.size() >= total_) {
      ASSERT_FALSE(batcher_->due());
      return;
    }
    std::optional<Time> due;
    for (const auto& [token, job] : waiting_) {
      const KindSettings& settings = settings_[job.kind];
      if (running_[job.kind] >= settings.concurrency) continue;
      if (waits_for_others(job.suspect)) continue;
      ASSERT_EQ(settings.policy.kind, PolicyKind::fixed) << "job " << token;
      ASSERT_EQ(job.suspect, Suspect::no);
      ASSERT_LT(now_, job.at + settings.policy.linger);
      ASSERT_GE(token, flushed_until_);
      const Time leaves = job.at + settings.policy.linger;
      due = due ? std::min(*due, leaves) : leaves;
    }
    ASSERT_EQ(batcher_->due(), due);
  }

  void finish() {
    if (pick(2) == 0) {
      for (const JobRef& job : batcher_->take_if([](const JobRef&) { return true; }))
        ASSERT_EQ(waiting_.erase(number_of(job)), 1u);
    } else {
      batcher_->flush(LeaveReason::stop);
      take_all();
      while (!under_way_.empty() && !testing::Test::HasFailure()) {
        end_one();
        take_all();
      }
    }
    EXPECT_TRUE(waiting_.empty());
    EXPECT_EQ(batcher_->held_jobs(), 0u);
  }

  std::mt19937_64 random_;
  std::vector<KindSettings> settings_;
  std::size_t total_ = 1;
  std::size_t arrivals_ = 0;  ///< percent of the events
  std::optional<Batcher> batcher_;
  Time now_ = Time{} + 1h;
  std::uint64_t next_token_ = 0;
  std::uint64_t flushed_until_ = 0;
  std::map<std::uint64_t, Known> waiting_;
  std::vector<Departure> under_way_;
  std::vector<std::size_t> running_;
  std::vector<std::size_t> group_;
  std::vector<std::size_t> suspect_group_;
};

TEST(BatcherPropertyTest, EveryJobLeavesExactlyOnceWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 60 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Trial(seed).run(400);
  }
}

}  // namespace
}  // namespace ferry::detail
