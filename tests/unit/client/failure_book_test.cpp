#include "client/failure_book.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Time = FailureBook::Clock::time_point;

constexpr Time begin{100h};
const auto full = std::make_shared<const Error>(ErrorCode::full, "the queue is full");

TEST(FailureBookTest, GathersTheFailuresOfASecondIntoOneLine) {
  FailureBook book;
  EXPECT_EQ(book.line_due(), Time::max());
  book.count("mail", 2, full, begin);
  book.count("news", 40, full, begin + 900ms);
  EXPECT_EQ(book.line_due(), begin + 1s);
  EXPECT_TRUE(book.take(begin + 999ms, false).empty());
  EXPECT_THAT(book.take(begin + 1s, false).lines,
              ElementsAre("42 jobs were not accepted; the first was for queue \"mail\": the queue "
                          "is full"));
  EXPECT_EQ(book.line_due(), Time::max());
}

TEST(FailureBookTest, IsSilentForAMinuteThenSaysTheSum) {
  FailureBook book;
  book.count("mail", 1, full, begin);
  ASSERT_EQ(book.take(begin + 1s, false).lines.size(), 1u);
  book.count("mail", 1, full, begin + 2s);
  EXPECT_EQ(book.line_due(), begin + 61s);
  EXPECT_THAT(book.take(begin + 60s, false).lines, IsEmpty());
  EXPECT_THAT(book.take(begin + 61s, false).lines,
              ElementsAre(HasSubstr("1 job was not accepted; it was for queue \"mail\"")));
}

TEST(FailureBookTest, SaysAllWhenTheClientIsClosed) {
  FailureBook book;
  book.count("mail", 7, full, begin);
  EXPECT_THAT(book.take(begin, true).lines, ElementsAre(HasSubstr("7 jobs were not accepted")));
  EXPECT_TRUE(book.take(begin, true).empty());
}

TEST(FailureBookTest, LeavesOutWhatACallHasThrown) {
  FailureBook book;
  book.count("mail", 1, full, begin);
  book.thrown();
  EXPECT_EQ(book.line_due(), Time::max());
  EXPECT_TRUE(book.take(begin + 1h, true).empty());
}

TEST(FailureBookTest, TellsEachJobOnceAndAtOnce) {
  FailureBook book;
  const JobId id{{1, 2, 3}};
  book.add_each("mail", {{id, "letter"}, {JobId{}, "card"}}, full);
  EXPECT_TRUE(book.has_news());
  const auto news = book.take(begin, false);
  ASSERT_EQ(news.jobs.size(), 2u);
  EXPECT_EQ(news.jobs[0].id, id);
  EXPECT_EQ(news.jobs[0].queue, "mail");
  EXPECT_EQ(news.jobs[0].kind, "letter");
  EXPECT_EQ(news.jobs[1].error, full);
  EXPECT_FALSE(book.has_news());
}

TEST(FailureBookTest, TellsAnOutageOnceAndNotTooOftenWhenTheyFollowEachOther) {
  FailureBook book;
  book.away("cannot connect", 30s, begin);
  book.away("cannot connect", 30s, begin + 1h);
  EXPECT_THAT(book.take(begin, false).lines,
              ElementsAre("cannot connect; trying again, up to 30000 ms (block_timeout) for each "
                          "job"));
  book.reached();
  book.away("cannot connect", 30s, begin + 9s);
  EXPECT_TRUE(book.take(begin + 9s, false).empty());
  book.reached();
  book.away("cannot connect", 0s, begin + 10s);
  EXPECT_THAT(book.take(begin + 10s, false).lines,
              ElementsAre("cannot connect; each job is tried once (block_timeout is 0)"));
}

}  // namespace
}  // namespace ferry::detail
