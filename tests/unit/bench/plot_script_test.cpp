#include "bench/plot_script.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace ferry::bench {
namespace {

std::vector<std::string> names_of(const std::vector<Plot>& plots) {
  std::vector<std::string> names;
  for (const Plot& plot : plots) names.push_back(plot.name);
  return names;
}

TEST(PlotScriptTest, DrawsOnlyWhatWasMeasured) {
  EXPECT_TRUE(plots_of({}).empty());
  const Figure depth{.name = "depth_1m",
                     .samples = {9},
                     .limit_samples = {10},
                     .settings = {{"backlog_jobs", "1000000"}}};
  EXPECT_EQ(names_of(plots_of({depth})), std::vector<std::string>{"depth"});
}

TEST(PlotScriptTest, ARateStandsAtItsEnvelopeSizeWithItsRange) {
  const Figure ten{.name = "enqueue_all_10", .samples = {3, 1, 2}, .limit_samples = {6, 4, 5}};
  const Figure other{.name = "enqueue_all_256_always", .samples = {70}, .limit_samples = {80}};
  const auto plots = plots_of({ten, other});
  ASSERT_EQ(names_of(plots), std::vector<std::string>{"enqueue"});
  EXPECT_NE(plots[0].script.find("\n10 2 1 3\n"), std::string::npos) << plots[0].script;
  EXPECT_NE(plots[0].script.find("\n10 5 4 6\n"), std::string::npos) << plots[0].script;
  EXPECT_EQ(plots[0].script.find("70"), std::string::npos) << "that is a durability, not a size";
}

TEST(PlotScriptTest, ALatencyWithoutLimitLeavesItsPlaceEmpty) {
  const Figure idle{.name = "idle_start_p50", .samples = {50}, .limit_samples = {40}};
  const Figure loaded{.name = "latency_50_p50", .samples = {200}};
  const auto plots = plots_of({idle, loaded});
  ASSERT_EQ(names_of(plots), std::vector<std::string>{"latency"});
  EXPECT_NE(plots[0].script.find("\"latency 50 p50\" NaN NaN NaN\n"), std::string::npos)
      << plots[0].script;
}

}  // namespace
}  // namespace ferry::bench
