#include "cli/parts/load_report.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace ferry::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

load::Figures figures_of(int late) {
  load::Figures figures;
  figures.offered = figures.stored = 100;
  figures.seconds = 10;
  for (int i = 0; i < 100; ++i) {
    figures.lag.record(i < late ? 20ms : 0ms);
    figures.stored_after_us.record(150);
  }
  return figures;
}

TEST(LoadReportTest, SaysThatEveryJobWasStored) {
  EXPECT_TRUE(load_succeeded(figures_of(5)));
  EXPECT_THAT(load_text({}, figures_of(5), {}), HasSubstr("Every job was stored.\n"));
}

TEST(LoadReportTest, RefusesAVerdictWhenTheGeneratorLagged) {
  EXPECT_FALSE(load_succeeded(figures_of(6)));
  const std::string text = load_text({}, figures_of(6), {});
  EXPECT_THAT(text, HasSubstr("No verdict: the generator lagged, 6 of 100 jobs"));
  EXPECT_TRUE(load_json({}, figures_of(6), {}).at("lagged"));
}

TEST(LoadReportTest, CountsWhatWasNotStored) {
  load::Figures figures = figures_of(0);
  figures.stored = 90;
  figures.dropped = 7;
  figures.failed = 3;
  figures.first_failure = "no";
  EXPECT_FALSE(load_succeeded(figures));
  EXPECT_THAT(load_text({}, figures, {}), HasSubstr("10 of 100 jobs were not stored.\n"));
  EXPECT_THAT(load_progress({}, figures), HasSubstr("10 not stored"));
}

}  // namespace
}  // namespace ferry::cli
