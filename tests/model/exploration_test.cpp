#include "model/exploration.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "model/flaws.hpp"

namespace ferry::model {
namespace {

/// Of the worlds that are too large for every run; FERRY_MODEL_STATES asks for more.
std::size_t states_at_most() {
  const char* text = std::getenv("FERRY_MODEL_STATES");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 30'000;
}

struct NamedWorld {
  const char* name;
  bool complete;  ///< small enough to be explored to its end in every run
  WorldLimits limits;
};

/// Each has two workers and a producer whose replies may be lost and whose calls may come again.
const NamedWorld worlds[] = {
    {"OneJobAndACrash",
     false,
     {.envelopes = 1,
      .crashes = 1,
      .purges = 0,
      .revivals = 0,
      .old_calls = false,
      .lost_fetches = false}},
    {"OneJobAndOldCalls",
     true,
     {.envelopes = 1,
      .names = 1,
      .crashes = 0,
      .purges = 0,
      .revivals = 0,
      .lost_fetches = false,
      .verbs = "d"}},
    {"OneJobAndLostFetches",
     true,
     {.envelopes = 1,
      .names = 1,
      .crashes = 1,
      .purges = 1,
      .revivals = 0,
      .old_calls = false,
      .verbs = "d"}},
    {"TwoEnvelopes",
     false,
     {.names = 1,
      .crashes = 0,
      .purges = 0,
      .revivals = 0,
      .old_calls = false,
      .lost_fetches = false,
      .verbs = ""}},
    {"TwoEnvelopesInAFullQueue",
     false,
     {.max_jobs = 1,
      .names = 1,
      .crashes = 0,
      .purges = 0,
      .revivals = 0,
      .old_calls = false,
      .lost_fetches = false,
      .verbs = "p"}},
    {"OneJobThatFails",
     true,
     {.envelopes = 1,
      .names = 1,
      .crashes = 0,
      .purges = 1,
      .revivals = 1,
      .old_calls = false,
      .lost_fetches = false,
      .verbs = "fp"}},
    {"TwoJobsInAnEnvelope",
     true,
     {.envelopes = 1,
      .jobs_in_an_envelope = 2,
      .names = 1,
      .crashes = 0,
      .purges = 0,
      .revivals = 0,
      .old_calls = false,
      .lost_fetches = false,
      .verbs = "drp"}},
    {"TwoJobsThatAreSetAside",
     true,
     {.envelopes = 1,
      .jobs_in_an_envelope = 2,
      .names = 1,
      .crashes = 1,
      .purges = 0,
      .revivals = 0,
      .old_calls = false,
      .lost_fetches = false,
      .verbs = "d",
      .leaving = "a"}},
    {"TwoJobsThatLeaveAsParts",
     false,
     {.envelopes = 1,
      .jobs_in_an_envelope = 2,
      .names = 1,
      .crashes = 0,
      .purges = 0,
      .revivals = 0,
      .old_calls = false,
      .lost_fetches = false,
      .verbs = "",
      .leaving = "glb"}},
    {"PartsSetAsideWithEveryFault", false, {.envelopes = 1, .old_calls = false, .leaving = "aglb"}},
    {"OneJobWithEveryFault", false, {.envelopes = 1}},
    {"TwoEnvelopesWithEveryFault", false, {}},
};

class WorldTest : public testing::TestWithParam<NamedWorld> {};

TEST_P(WorldTest, HoldsInEveryStateThatCanBeReached) {
  const std::size_t most = GetParam().complete ? SIZE_MAX : states_at_most();
  const Exploration found = explore(GetParam().limits, nullptr, most);
  std::cout << GetParam().name << ": " << show(found) << std::endl;
  EXPECT_EQ(found.wrong, "") << show(found);
  EXPECT_TRUE(found.complete || !GetParam().complete);
}

INSTANTIATE_TEST_SUITE_P(Worlds, WorldTest, testing::ValuesIn(worlds),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(ExplorationTest, FindsEveryRuleThatIsBroken) {
  // Some rules need a second envelope, some a second job in one, some that jobs leave.
  const WorldLimits worlds_to_try[] = {
      {.max_jobs = 1, .crashes = 0},
      {.envelopes = 1, .jobs_in_an_envelope = 2, .crashes = 0},
      {.envelopes = 1, .jobs_in_an_envelope = 2, .crashes = 0, .leaving = "aglb"}};
  for (const auto& [rule, flaw, leaving] : flaws()) {
    Exploration found;
    for (const WorldLimits& limits : worlds_to_try) {
      if (found.wrong.empty() && leaving == !limits.leaving.empty()) {
        found = explore(limits, &flaw, 20'000);
      }
    }
    EXPECT_NE(found.wrong, "") << "nobody notices when this is broken: " << rule;
    std::cout << rule << ": found after " << found.states << " states, in " << found.path.size()
              << " steps: " << found.wrong << std::endl;
  }
}

}  // namespace
}  // namespace ferry::model
