#include "batching/retry_rule.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "wire/limits.hpp"

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

constexpr Backoff backoff{100ms, 1000ms};

TEST(RetryRuleTest, RetriesAfterTheDelayThatTheHandlerAskedFor) {
  const Verdict verdict = decide(retry_after(30s, "busy"), 3, 10, backoff, 12345);
  EXPECT_FALSE(verdict.dead);
  EXPECT_EQ(verdict.delay, 30s);
  EXPECT_EQ(verdict.reason, "busy");
}

TEST(RetryRuleTest, TakesADelayOfZeroForAtOnce) {
  EXPECT_EQ(decide(retry_after(0ms, ""), 1, 10, backoff, 99).delay, 0ms);
}

TEST(RetryRuleTest, BoundsAnAbsurdDelayAndSaysSo) {
  constexpr std::chrono::milliseconds longest = std::chrono::days{366};
  const Verdict at_most = decide(retry_after(longest, "busy"), 1, 10, backoff, 1);
  EXPECT_EQ(at_most.delay, longest);
  EXPECT_EQ(at_most.reason, "busy");
  for (const auto delay : {longest + 1ms, std::chrono::milliseconds::max()}) {
    const Verdict verdict = decide(retry_after(delay, "busy"), 1, 10, backoff, 1);
    EXPECT_EQ(verdict.delay, longest);
    EXPECT_EQ(verdict.reason, "retry_after is " + std::to_string(delay.count()) +
                                  " ms: expected 0 to 366 days, so 366 days it is; busy");
  }
  for (const auto delay : {-2ms, -30'000ms, std::chrono::milliseconds::min()}) {
    const Verdict verdict = decide({OutcomeKind::retry, delay, "busy"}, 1, 10, backoff, 50);
    EXPECT_EQ(verdict.delay, 50ms) << "as drawn";
    EXPECT_EQ(verdict.reason, "retry_after is " + std::to_string(delay.count()) +
                                  " ms: expected 0 to 366 days, so the backoff it is; busy");
  }
  EXPECT_EQ(decide(retry("busy"), 1, 10, backoff, 50).reason, "busy");
}

TEST(RetryRuleTest, DrawsTheBackoffFromTheWholeIntervalOfItsAttempt) {
  std::mt19937_64 random(7);
  for (const auto& [attempts, most] :
       {std::pair{1, 100ms}, std::pair{2, 200ms}, std::pair{4, 800ms}, std::pair{5, 1000ms},
        std::pair{900, 1000ms}}) {
    std::chrono::milliseconds least_seen = 1h;
    std::chrono::milliseconds most_seen{-1};
    for (int i = 0; i < 20'000; ++i) {
      const auto delay = decide(retry(""), attempts, 1000, backoff, random()).delay;
      least_seen = std::min(least_seen, delay);
      most_seen = std::max(most_seen, delay);
    }
    EXPECT_EQ(least_seen, 0ms) << attempts;
    EXPECT_EQ(most_seen, most) << attempts;
  }
}

TEST(RetryRuleTest, BuriesAJobThatHasUsedUpItsAttempts) {
  EXPECT_FALSE(decide(retry("no answer"), 9, 10, backoff, 1).dead);
  const Verdict verdict = decide(retry("no answer"), 10, 10, backoff, 1);
  EXPECT_TRUE(verdict.dead);
  EXPECT_EQ(verdict.reason, "after 10 attempts: no answer");
  EXPECT_EQ(decide(retry_after(1s, "no"), 1, 1, backoff, 1).reason, "after 1 attempt: no");
}

TEST(RetryRuleTest, BuriesAFailedJobWhateverAttemptsAreLeft) {
  const Verdict verdict = decide(fail("declined"), 1, 10, backoff, 1);
  EXPECT_TRUE(verdict.dead);
  EXPECT_EQ(verdict.reason, "declined");
}

TEST(RetryRuleTest, CutsReasonsBetweenCharacters) {
  const std::size_t most = wire::max_reason_bytes;
  EXPECT_EQ(cut_reason(std::string(most, 'x')).size(), most);
  EXPECT_EQ(cut_reason(std::string(most + 1, 'x')).size(), most);
  const std::string character = "\xf0\x9f\x9a\xa2";  // a ship
  for (std::size_t inside = 1; inside < 4; ++inside) {
    const std::string text = std::string(most - inside, 'x') + character + "tail";
    EXPECT_EQ(cut_reason(text), std::string(most - inside, 'x')) << inside;
  }
  EXPECT_EQ(cut_reason(std::string(most - 4, 'x') + character + "tail"),
            std::string(most - 4, 'x') + character);
}

TEST(RetryRuleTest, CutsTheReasonOfEveryVerdict) {
  const std::string endless(5000, 'x');
  for (const Verdict& verdict :
       {decide(retry(endless), 1, 10, backoff, 1), decide(retry(endless), 10, 10, backoff, 1),
        decide(fail(endless), 1, 10, backoff, 1)}) {
    EXPECT_EQ(verdict.reason.size(), wire::max_reason_bytes);
  }
  EXPECT_EQ(decide(retry(endless), 10, 10, backoff, 1).reason.rfind("after 10 attempts: xxx", 0),
            0u);
}

TEST(RetryRuleTest, CutsBytesThatAreNotUtf8Too) {
  EXPECT_GE(cut_reason(std::string(5000, '\x80')).size(), wire::max_reason_bytes - 3);
}

}  // namespace
}  // namespace ferry::detail
