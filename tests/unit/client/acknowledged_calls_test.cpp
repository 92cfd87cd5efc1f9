#include "client/acknowledged_calls.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

TEST(AcknowledgedCallsTest, KnowsTheJobsBehindEachCall) {
  AcknowledgedCalls calls;
  const std::size_t sizes[] = {1, 1, 5, 1000, 1000, 3};
  std::int64_t sequence = 0;
  for (const std::size_t jobs : sizes) calls.add(++sequence, jobs);
  std::int64_t left = 0;
  for (; sequence >= 0; --sequence) {
    EXPECT_EQ(calls.jobs_after(sequence).count, left);
    EXPECT_TRUE(calls.jobs_after(sequence).exact);
    if (sequence > 0) left += static_cast<std::int64_t>(sizes[sequence - 1]);
  }
}

TEST(AcknowledgedCallsTest, KnowsNoneBeforeTheFirst) {
  const AcknowledgedCalls calls;
  EXPECT_EQ(calls.jobs_after(0).count, 0);
  EXPECT_TRUE(calls.jobs_after(0).exact);
}

TEST(AcknowledgedCallsTest, KeepsAnyNumberOfEqualCalls) {
  AcknowledgedCalls calls;
  for (std::int64_t i = 1; i <= 1'000'000; ++i) calls.add(i, 2);
  EXPECT_EQ(calls.jobs_after(0).count, 2'000'000);
  EXPECT_EQ(calls.jobs_after(999'990).count, 20);
  EXPECT_TRUE(calls.jobs_after(0).exact);
}

TEST(AcknowledgedCallsTest, SaysWhenItHasForgottenTheOldest) {
  AcknowledgedCalls calls;
  const auto many = static_cast<std::int64_t>(AcknowledgedCalls::most_entries) + 10;
  for (std::int64_t i = 1; i <= many; ++i) calls.add(i, i % 2 == 0 ? 1 : 2);
  EXPECT_FALSE(calls.jobs_after(9).exact);
  EXPECT_TRUE(calls.jobs_after(10).exact);
  EXPECT_EQ(calls.jobs_after(many - 2).count, 3);
}

TEST(AcknowledgedCallsTest, BeginsAnewAfterAClear) {
  AcknowledgedCalls calls;
  calls.add(1, 7);
  calls.clear();
  EXPECT_EQ(calls.jobs_after(0).count, 0);
  calls.add(1, 2);
  EXPECT_EQ(calls.jobs_after(0).count, 2);
}

}  // namespace
}  // namespace ferry::detail
