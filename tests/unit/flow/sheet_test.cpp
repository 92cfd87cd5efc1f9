#include "flow/scenarios/sheet.hpp"

#include <gtest/gtest.h>

namespace ferry::flow {
namespace {

TEST(FlowSheetTest, ShowsWhatWasAskedBesideWhatWasMeasured) {
  Sheet sheet;
  sheet.begin("batches", "500/s");
  sheet.at_most("wait p99", 1250.4, 1300, "ms");
  sheet.at_least("mean batch", 1.234, 2, "jobs");
  sheet.figure("jobs", 500, "");
  EXPECT_EQ(table_of(sheet.rows()),
            "cell     measure     asked    measured   kept\n"
            "batches\n"
            "  500/s  wait p99    <= 1300  1250 ms    yes\n"
            "  500/s  mean batch  >= 2     1.23 jobs  no\n"
            "  500/s  jobs                 500\n");
  EXPECT_TRUE(all_must_hold(sheet.rows()));
}

TEST(FlowSheetTest, PutsRepetitionsTogether) {
  Sheet sheet;
  for (const double measured : {30.0, 10.0, 20.0}) {
    sheet.begin("a", "b");
    sheet.at_most("time", measured, 25, "ms");
  }
  EXPECT_NE(table_of(sheet.rows()).find("20 [10..30] ms  no (2 of 3)"), std::string::npos)
      << table_of(sheet.rows());
}

TEST(FlowSheetTest, FailsOnlyWhereSomethingMustHold) {
  Sheet sheet;
  sheet.begin("a", "b");
  sheet.at_most("slow", 2, 1, "s");
  EXPECT_TRUE(all_must_hold(sheet.rows()));
  sheet.must("nothing is lost", 0);
  EXPECT_TRUE(all_must_hold(sheet.rows()));
  sheet.must_hold("every worker ran some", false);
  EXPECT_FALSE(all_must_hold(sheet.rows()));
  EXPECT_NE(table_of(sheet.rows()).find("BROKEN"), std::string::npos);
  EXPECT_EQ(json_of(sheet)["rows"].size(), 3u);
  EXPECT_EQ(json_of(sheet)["rows"][2]["kept"], false);
}

}  // namespace
}  // namespace ferry::flow
