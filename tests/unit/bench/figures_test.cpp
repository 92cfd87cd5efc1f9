#include "bench/figures.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace ferry::bench {
namespace {

Figure latency() {
  return {.name = "idle_start_p50",
          .unit = "µs",
          .higher_is_better = false,
          .samples = {30, 20, 40},
          .limit_samples = {20, 20, 20},
          .settings = {{"seconds", "2"}},
          .goal = Goal{Goal::Of::ratio, 1.5}};
}

TEST(NumberTest, ShowsThreeDigitsThatCountOrAllBeforeThePoint) {
  EXPECT_EQ(number(0), "0.00");
  EXPECT_EQ(number(0.00412), "0.00412");
  EXPECT_EQ(number(0.0834), "0.0834");
  EXPECT_EQ(number(1), "1.00");
  EXPECT_EQ(number(9.817), "9.82");
  EXPECT_EQ(number(57.33), "57.3");
  EXPECT_EQ(number(100.4), "100");
  EXPECT_EQ(number(999.6), "1 000");
  EXPECT_EQ(number(1'234'567.2), "1 234 567");
  EXPECT_EQ(number(-0.5), "-0.500");
  EXPECT_EQ(number(-1234), "-1 234");
}

TEST(NumberTest, HasAnEndEvenForWhatIsNearlyNothing) { EXPECT_EQ(number(1e-12), "0.000000"); }

TEST(FigureTest, MeetsAGoalThatIsReachedExactly) {
  Figure figure = latency();
  EXPECT_TRUE(figure.meets_goal()) << "the median ratio is 1.5";
  figure.goal->bound = 1.49;
  EXPECT_FALSE(figure.meets_goal());
}

TEST(FigureTest, JudgesTheMedianOrTheRatioByTheDirectionThatIsBetter) {
  Figure figure = latency();
  figure.goal = Goal{Goal::Of::median, 29};
  EXPECT_FALSE(figure.meets_goal());
  figure.higher_is_better = true;
  EXPECT_TRUE(figure.meets_goal());
}

TEST(FigureTest, TheRatiosOfAFigureWithoutLimitAreItsRuns) {
  Figure figure = latency();
  figure.limit_samples.clear();
  EXPECT_EQ(figure.ratios(), figure.samples);
}

TEST(TableTest, SaysOfEachGoalWhetherItIsMet) {
  Figure missed = latency();
  missed.samples = {60, 50, 40};
  Figure without = latency();
  without.goal.reset();
  without.limit_samples.clear();
  const std::string table = to_table({latency(), missed, without});
  EXPECT_NE(table.find("| ratio at most 1.50: met | 3 |"), std::string::npos) << table;
  EXPECT_NE(table.find("| ratio at most 1.50: **missed** | 3 |"), std::string::npos) << table;
  EXPECT_NE(table.find("| 30.0 (20.0 to 40.0) | none | none | none | 3 |"), std::string::npos)
      << table;
}

class FiguresFileTest : public ::testing::Test {
 protected:
  void write(const std::string& text) const { std::ofstream(path_) << text; }
  void TearDown() override { std::filesystem::remove(path_); }

  const std::string path_ =
      (std::filesystem::temp_directory_path() /
       ("ferry-figures-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + "-" +
        ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".json"))
          .string();
};

TEST_F(FiguresFileTest, ComesBackAsItWasWritten) {
  write_json(path_, {latency()});
  const auto read = read_json(path_);
  ASSERT_EQ(read.size(), 1U);
  const Figure expected = latency();
  EXPECT_EQ(read[0].name, expected.name);
  EXPECT_EQ(read[0].unit, expected.unit);
  EXPECT_FALSE(read[0].higher_is_better);
  EXPECT_EQ(read[0].samples, expected.samples);
  EXPECT_EQ(read[0].limit_samples, expected.limit_samples);
  EXPECT_EQ(read[0].settings, expected.settings);
  ASSERT_TRUE(read[0].goal);
  EXPECT_EQ(read[0].goal->of, Goal::Of::ratio);
  EXPECT_DOUBLE_EQ(read[0].goal->bound, 1.5);
}

TEST_F(FiguresFileTest, OfATimeWithoutGoalsCanBeRead) {
  write(R"([{"name": "a", "unit": "jobs/s", "better": "higher", "samples": [1, 2],
             "limit_samples": [], "settings": {}}])");
  EXPECT_FALSE(read_json(path_).at(0).goal);
}

TEST_F(FiguresFileTest, IsRefusedWithARunThatTheJudgeCannotDivideBy) {
  write(R"([{"name": "a", "unit": "per job", "better": "lower", "samples": [0.001, 0],
             "limit_samples": [], "settings": {}}])");
  EXPECT_THROW(read_json(path_), std::runtime_error);
}

TEST_F(FiguresFileTest, IsRefusedWithoutAnyRun) {
  write(R"([{"name": "a", "unit": "per job", "better": "lower", "samples": [],
             "limit_samples": [], "settings": {}}])");
  EXPECT_THROW(read_json(path_), std::runtime_error);
}

}  // namespace
}  // namespace ferry::bench
