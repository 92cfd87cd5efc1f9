#include "pressure/envelope_size.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

KindPace pace_of(std::chrono::nanoseconds per_job) {
  KindPace pace;
  pace.observe(1, per_job);
  return pace;
}

TEST(EnvelopeSizeTest, IsATenthOfASecondOfWork) {
  struct Case {
    std::chrono::nanoseconds per_job;
    std::uint32_t jobs;
  };
  for (const Case& one : std::vector<Case>{{999us, EnvelopeSize::any},
                                           {1ms, 64},
                                           {2ms, 32},
                                           {5ms, 16},
                                           {50ms, 2},
                                           {60ms, 1},
                                           {2s, 1},
                                           {1h, 1}}) {
    EXPECT_EQ(suited_size(pace_of(one.per_job), EnvelopeSize::unknown), one.jobs)
        << one.per_job.count();
  }
  EXPECT_EQ(suited_size(KindPace{}, EnvelopeSize::unknown), EnvelopeSize::unknown);
  EXPECT_EQ(suited_size(KindPace{}, 8), 8u) << "nothing new is known";
}

TEST(EnvelopeSizeTest, StaysWhileItIsNearlyRight) {
  EXPECT_EQ(suited_size(pace_of(8900us), 16), 16u) << "11 would suit";
  EXPECT_EQ(suited_size(pace_of(9100us), 16), 8u);
  EXPECT_EQ(suited_size(pace_of(2300us), 16), 16u) << "43 would suit";
  EXPECT_EQ(suited_size(pace_of(2200us), 16), 32u);
  EXPECT_EQ(suited_size(pace_of(10s), 1), 1u);
  EXPECT_EQ(suited_size(pace_of(500us), 16), EnvelopeSize::any);
  EXPECT_EQ(suited_size(pace_of(5ms), EnvelopeSize::any), 16u);
}

TEST(EnvelopeSizeTest, TakesThePlaceOfWhatWasToldOfTheSameKinds) {
  const std::vector<EnvelopeSize> own{
      {"a", 4}, {"b", EnvelopeSize::any}, {"c", EnvelopeSize::unknown}};
  EXPECT_EQ(with_sizes("", own), "a=4");
  EXPECT_EQ(with_sizes("a=8 b=2 c=3 d=1", own), "a=4 c=3 d=1");
  EXPECT_EQ(with_sizes("a=4 c=3 d=1", own), "a=4 c=3 d=1");
  EXPECT_EQ(with_sizes("  x=1  ", {}), "x=1");
  std::string many;
  for (int i = 0; i < 70; ++i) many += "k" + std::to_string(i) + "=1 ";
  const std::string kept = with_sizes(many, own);
  EXPECT_EQ(std::ranges::count(kept, '='), 64);
  EXPECT_TRUE(kept.starts_with("a=4 k0=1 "));
}

}  // namespace
}  // namespace ferry::detail
