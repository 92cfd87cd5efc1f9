#include "stages/envelope_pool.hpp"

#include <gtest/gtest.h>

#include <set>

namespace ferry::detail {
namespace {

std::vector<EnvelopePtr> of_one_job(std::size_t envelopes) {
  EnvelopePool fresh;
  auto made = fresh.take(envelopes);
  for (const EnvelopePtr& envelope : made) {
    envelope->id = {7, 1};
    envelope->count = 1;
    envelope->progress = "x";
    envelope->suspect = true;
    envelope->pending = envelope->open = envelope->unreported = 3;
    envelope->ended_ns = 9;
    envelope->stored.jobs.resize(1);
    envelope->stored.newer = true;
    envelope->stored.extras.emplace();
    envelope->marks.assign(1, JobMark::done);
    envelope->moves.emplace_back();
  }
  return made;
}

TEST(EnvelopePoolTest, GivesThoseThatHaveEndedAgainAsNew) {
  EnvelopePool pool;
  auto ended = of_one_job(3);
  std::set<const LeasedEnvelope*> known;
  for (const EnvelopePtr& envelope : ended) known.insert(envelope.get());
  pool.give(std::move(ended));
  const auto taken = pool.take(5);
  ASSERT_EQ(taken.size(), 5u);
  std::size_t again = 0;
  for (const EnvelopePtr& envelope : taken) {
    again += known.count(envelope.get());
    EXPECT_EQ(envelope->id, redis::StreamId{});
    EXPECT_TRUE(envelope->progress.empty());
    EXPECT_FALSE(envelope->suspect);
    EXPECT_EQ(envelope->pending + envelope->open + envelope->unreported + envelope->ended_ns, 0u);
    EXPECT_TRUE(envelope->stored.jobs.empty() && envelope->marks.empty() &&
                envelope->moves.empty());
    EXPECT_FALSE(envelope->stored.newer || envelope->stored.extras);
  }
  EXPECT_EQ(again, 3u);
}

TEST(EnvelopePoolTest, KeepsNothingThatSomebodyElseStillHas) {
  EnvelopePool pool;
  auto ended = of_one_job(1);
  const EnvelopePtr mine = ended[0];
  pool.give(std::move(ended));
  EXPECT_NE(pool.take(1)[0], mine);
  EXPECT_EQ(mine->id, (redis::StreamId{7, 1})) << "and changes nothing of it";
}

TEST(EnvelopePoolTest, KeepsNoLargeOnes) {
  EnvelopePool pool;
  auto ended = of_one_job(1);
  ended[0]->stored.jobs.resize(256);
  const std::weak_ptr<LeasedEnvelope> large = ended[0];
  pool.give(std::move(ended));
  EXPECT_TRUE(large.expired());
}

TEST(EnvelopePoolTest, KeepsABoundedNumber) {
  EnvelopePool pool;
  for (int i = 0; i < 3; ++i) pool.give(of_one_job(5000));
  std::size_t again = 0;
  for (const EnvelopePtr& envelope : pool.take(15'000)) {
    again += envelope->marks.capacity() > 0 ? 1 : 0;
  }
  EXPECT_EQ(again, 8192u);
}

}  // namespace
}  // namespace ferry::detail
