#include "trace/sample.hpp"

#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

JobId job(std::uint32_t number) {
  JobId id;
  std::memcpy(id.bytes.data() + 12, &number, sizeof number);
  return id;
}

TEST(SampleTest, HasEveryJobAtFirstAndHalfOfThemAfterEachHalving) {
  Sample sample;
  for (double expected = 4096; expected > 200; expected /= 2) {
    int found = 0;
    for (std::uint32_t i = 0; i < 4096; ++i) found += sample.has(job(i)) ? 1 : 0;
    EXPECT_NEAR(found, expected, expected < 4096 ? 0.15 * expected : 0);
    sample = sample.halved();
  }
}

TEST(SampleTest, KeepsOnlyWhatTheLargerOneHad) {
  for (Sample sample; sample.mask < 1024; sample = sample.halved()) {
    for (std::uint32_t i = 0; i < 4096; ++i) {
      EXPECT_TRUE(sample.has(job(i)) || !sample.halved().has(job(i)));
    }
  }
}

}  // namespace
}  // namespace ferry::detail
