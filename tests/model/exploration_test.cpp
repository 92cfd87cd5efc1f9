#include "model/exploration.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "model/flaws.hpp"

namespace ferry::model {
namespace {

/// Far beyond what these worlds have; FERRY_MODEL_STATES asks for another end.
std::size_t states_at_most() {
  const char* text = std::getenv("FERRY_MODEL_STATES");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1'000'000;
}

/// Explores all of a world and says how large it was.
void expect_sound(const char* name, const WorldLimits& limits) {
  const Exploration found = explore(limits, nullptr, states_at_most());
  std::cout << name << ": " << show(found) << std::endl;
  EXPECT_EQ(found.wrong, "") << show(found);
  EXPECT_TRUE(found.complete);
}

TEST(ExplorationTest, HoldsForOneJobWithEveryFault) { expect_sound("one job", {.envelopes = 1}); }

TEST(ExplorationTest, HoldsForOneEnvelopeOfTwoJobs) {
  expect_sound(
      "one envelope of two jobs",
      {.envelopes = 1, .jobs_in_an_envelope = 2, .max_attempts = 1, .purges = 0, .revivals = 0});
}

TEST(ExplorationTest, HoldsForTwoEnvelopesAndACrash) {
  expect_sound("two envelopes",
               {.max_attempts = 1, .purges = 0, .old_calls = false, .revivals = 0});
}

TEST(ExplorationTest, HoldsForTwoEnvelopesAndOldCalls) {
  expect_sound("two envelopes, old calls",
               {.max_attempts = 1, .crashes = 0, .purges = 0, .revivals = 0});
}

TEST(ExplorationTest, HoldsForTwoEnvelopesInAFullQueue) {
  expect_sound("a bound of one job",
               {.max_jobs = 1, .crashes = 0, .purges = 1, .old_calls = false, .revivals = 0});
}

TEST(ExplorationTest, HoldsForTwoJobsThatAreRetried) {
  expect_sound("one envelope of two jobs with retries", {.envelopes = 1,
                                                         .jobs_in_an_envelope = 2,
                                                         .names = 1,
                                                         .crashes = 0,
                                                         .purges = 0,
                                                         .old_calls = false,
                                                         .revivals = 0});
}

TEST(ExplorationTest, FindsEveryRuleThatIsBroken) {
  for (const auto& [rule, flaw] : flaws()) {
    // Some rules need a second envelope, some a second job in one.
    Exploration found = explore({.max_jobs = 1, .crashes = 0}, &flaw, 20'000);
    if (found.wrong.empty()) {
      found = explore({.envelopes = 1, .jobs_in_an_envelope = 2, .crashes = 0}, &flaw, 20'000);
    }
    EXPECT_NE(found.wrong, "") << "nobody notices when this is broken: " << rule;
    std::cout << rule << ": found after " << found.states << " states, in " << found.path.size()
              << " steps: " << found.wrong << std::endl;
  }
}

}  // namespace
}  // namespace ferry::model
