#include "compare/books.hpp"

#include <gmock/gmock.h>

namespace ferry::compare {
namespace {

using ::testing::HasSubstr;

/// Ten jobs of which one is left.
AuditReport audit() {
  AuditReport report;
  report.counts.accepted = 10;
  report.counts.done = 6;
  report.counts.expired = 2;
  report.counts.dead = 1;
  report.counts.delayed = 1;
  return report;
}

TEST(BooksTest, BalanceWhenEveryJobIsSomewhere) { EXPECT_EQ(wrong_in_books(audit(), 10, 6), ""); }

TEST(BooksTest, TellWhichFiguresDoNotAgree) {
  EXPECT_THAT(wrong_in_books(audit(), 11, 6), HasSubstr("11 jobs were stored by the producer"));
  EXPECT_THAT(wrong_in_books(audit(), 10, 7), HasSubstr("6 jobs are done for Redis, 7 for"));
  AuditReport lost = audit();
  lost.counts.delayed = 0;
  EXPECT_THAT(wrong_in_books(lost, 10, 6), HasSubstr("0 are still there"));
  AuditReport found = audit();
  found.violations = {"1 job too many in the stream"};
  EXPECT_EQ(wrong_in_books(found, 10, 6), "1 job too many in the stream");
}

}  // namespace
}  // namespace ferry::compare
