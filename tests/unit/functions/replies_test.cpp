#include "functions/replies.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "functions/enqueue_call.hpp"
#include "support/error_from.hpp"
#include "support/fake_reply.hpp"

namespace ferry {
namespace {

using test::fake_reply;
using testing::AllOf;
using testing::HasSubstr;

constexpr std::int64_t largest = INT64_MAX;
const std::string most = std::to_string(INT64_MAX);
const std::string least = std::to_string(INT64_MIN);

/// What one of the readers makes of a reply, in words.
std::string lease(std::string_view text) {
  const auto reply = fake_reply(text);
  const LeaseReply read = read_lease_reply("ferry_v1_renew", reply->root());
  return read.stale ? "stale" : read.paused ? "paused" : "ok";
}

std::string settle(std::string_view text) {
  const auto reply = fake_reply(text);
  const auto word = read_settle_word(reply->root());
  if (!word) throw unknown_reply("ferry_v1_settle", reply->root());
  return *word == SettleWord::ok ? "ok" : *word == SettleWord::stale ? "stale" : "gone";
}

std::string promote(std::string_view text) {
  const auto reply = fake_reply(text);
  const PromoteReply read = read_promote_reply(reply->root());
  const std::string large = read.large.empty() ? "" : " large " + std::to_string(read.large_bytes);
  return std::to_string(read.jobs) + " then " + std::to_string(read.next_due.count()) + large;
}

std::string expire(std::string_view text) {
  const auto reply = fake_reply(text);
  const ExpireReply read = read_expire_reply(reply->root());
  return std::string(read.cursor) + " forgot " + std::to_string(read.forgotten);
}

std::string enqueue(std::string_view text) {
  const EnqueueReply read = read_enqueue_reply(fake_reply(text)->root());
  switch (read.kind) {
    case EnqueueReply::Kind::gap:
      return "gap " + std::to_string(read.last_sequence);
    case EnqueueReply::Kind::ok:
    case EnqueueReply::Kind::dup:
    case EnqueueReply::Kind::full:
      break;
    case EnqueueReply::Kind::error:
    case EnqueueReply::Kind::unknown:
      throw Error(ErrorCode::internal, read.text);
  }
  return std::to_string(read.depth_jobs) + " " + std::to_string(read.depth_bytes) + " " +
         std::to_string(read.oldest_age.count()) + " " + std::to_string(read.retry_after.count()) +
         (read.text.empty() ? "" : " " + read.text);
}

using Reader = std::string (*)(std::string_view);

struct Case {
  Reader read;
  std::string reply;
  std::string expected;
};

TEST(RepliesTest, ReadsWhatItKnowsAndPassesOverWhatFollows) {
  const Case cases[]{
      {lease, R"(["OK", 0])", "ok"},
      {lease, R"(["OK", 1, "watch", ["quiet"], 0, 1700000000000])", "paused"},
      {lease, R"(["STALE"])", "stale"},
      {lease, R"(["STALE", "since", 5])", "stale"},
      {settle, R"(["OK", 3])", "ok"},
      {settle, R"(["OK", 3, 1, "more", null])", "ok"},
      {settle, R"("OK")", "ok"},
      {settle, R"({"status": "OK"})", "ok"},
      {settle, R"(["STALE", 1])", "stale"},
      {settle, R"("STALE")", "stale"},
      {settle, R"(["GONE", "to", "w"])", "gone"},
      {promote, R"([5, 20])", "5 then 20"},
      {promote, R"([0, -1, "further", [1]])", "0 then -1"},
      {promote, R"([3, 0, "1:0123456789abcdef0123456789abcdef", 7])", "3 then 0 large 7"},
      {promote, R"([3, 0, "1:0123456789abcdef0123456789abcdef", "7"])", "3 then 0"},
      {promote, R"([3, 0, "9:0123456789abcdef0123456789abcdef", 7])", "3 then 0"},
      {expire, R"(["17", 3])", "17 forgot 3"},
      {expire, R"(["0", 0, 9, "x"])", "0 forgot 0"},
      {enqueue, R"(["OK", 1, 2, 3])", "1 2 3 0"},
      {enqueue, R"(["OK", 1, 2, 3, "index_file=20 send_mail=2", 9])",
       "1 2 3 0 index_file=20 send_mail=2"},
      {enqueue, R"(["DUP", 1, 2, 3, "index_file=20"])", "1 2 3 0 index_file=20"},
      {enqueue, R"(["FULL", 1, 2, 3, 4, "index_file=20"])", "1 2 3 4 index_file=20"},
      {enqueue, R"(["GAP", 7, "further"])", "gap 7"},
  };
  for (const Case& each : cases) EXPECT_EQ(each.read(each.reply), each.expected) << each.reply;
}

TEST(RepliesTest, TakesNoOtherWordAndNoOtherShapeForOk) {
  const Reader readers[]{lease, settle, promote, expire, enqueue};
  const std::string replies[]{R"(["ROUTE", 5])",
                              R"(["ROUTE", 5, 6, 7, 8])",
                              R"("ROUTE")",
                              R"(["", 1, 2, 3])",
                              R"(["ok", 1, 2, 3])",
                              R"([null, 1, 2, 3])",
                              R"([["OK"], 1, 2, 3])",
                              R"(["\u001b[2J", 1, 2, 3])",
                              R"([])",
                              R"(null)",
                              R"(5)"};
  for (const Reader read : readers) {
    for (const std::string& reply : replies) {
      const Error error = test::error_from([&] { read(reply); });
      EXPECT_EQ(error.code(), ErrorCode::internal) << reply;
      EXPECT_THAT(error.what(), AllOf(HasSubstr("ferry_v1_"), HasSubstr("does not know"),
                                      HasSubstr("update this program")))
          << reply;
    }
  }
  EXPECT_THAT(test::error_from([] { settle(R"(["ROUTE", 5])"); }).what(),
              HasSubstr("ferry_v1_settle answered \"ROUTE\""));
  EXPECT_THAT(test::error_from([] { lease("[\"\\u001b[2J\", 1]"); }).what(), HasSubstr("\"?[2J\""))
      << "a reply must not steer a terminal";
}

TEST(RepliesTest, RefusesAWordItKnowsWithElementsOfAnotherShape) {
  const Case cases[]{
      {lease, R"(["OK"])", ""},
      {lease, R"(["OK", "1"])", ""},
      {lease, R"("OK")", ""},
      {promote, R"([5])", ""},
      {promote, R"(["5", "20"])", ""},
      {expire, R"(["0"])", ""},
      {expire, R"([0, 0])", ""},
      {expire, R"(["", 0])", ""},
      {enqueue, R"(["OK", 1, 2])", ""},
      {enqueue, R"(["OK", 1, 2, "3"])", ""},
      {enqueue, R"(["FULL", 1, 2, 3])", ""},
      {enqueue, R"(["GAP"])", ""},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(test::error_from([&] { each.read(each.reply); }).code(), ErrorCode::internal)
        << each.reply;
  }
}

/// What is stored in Redis can be written by anybody with a right to it: a due time of 1e300, books
/// below zero. Sums and conversions of what is read must not overflow.
TEST(RepliesTest, BoundsNumbersBeforeAnybodyCountsWithThem) {
  const std::string hundred_years = std::to_string(longest_told_time.count());
  const std::string count = std::to_string(largest_told_count);
  const Case cases[]{
      {promote, "[" + most + ", " + most + "]", count + " then " + hundred_years},
      {promote, "[" + least + ", " + least + "]", "0 then -1"},
      {expire, R"(["0", )" + most + "]", "0 forgot " + count},
      {expire, R"(["0", )" + least + "]", "0 forgot 0"},
      {enqueue, R"(["OK", )" + most + ", " + most + ", " + most + "]",
       count + " " + count + " " + hundred_years + " 0"},
      {enqueue, R"(["FULL", )" + most + ", " + most + ", " + most + ", " + most + "]",
       count + " " + count + " " + hundred_years + " 3600000"},
      {enqueue, R"(["FULL", )" + least + ", " + least + ", " + least + ", " + least + "]",
       "0 0 0 0"},
      {enqueue, R"(["GAP", )" + most + "]", "gap " + count},
      {enqueue, R"(["GAP", )" + least + "]", "gap 0"},
  };
  for (const Case& each : cases) EXPECT_EQ(each.read(each.reply), each.expected) << each.reply;
  const std::chrono::nanoseconds longest = longest_told_time;
  EXPECT_LT(longest.count(), largest / 2) << "added to a clock it still fits";
}

TEST(RepliesTest, KnowsTheNamesUnderWhichEnvelopesWait) {
  for (const std::string_view place : {"~newer", "~mail", "~"})
    EXPECT_TRUE(is_waiting_place(place));
  for (const std::string_view worker : {"", "host-17.abc", "newer", "a~"}) {
    EXPECT_FALSE(is_waiting_place(worker));
  }
}

TEST(RepliesTest, ReadsTimesOutOfScoresWhateverStandsThere) {
  const struct {
    std::string_view score;
    std::uint64_t ms;
  } cases[]{{"1796056670547", 1796056670547},
            {"1796056670547.2441", 1796056670547},
            {"1.796056670547e+12", 1796056670547},
            {"0", 0},
            {"0.9", 0},
            {"-1", 0},
            {"-inf", 0},
            {"-1e+300", 0},
            {"inf", 7'258'118'400'000},
            {"1e+300", 7'258'118'400'000},
            {"1e+999", 7'258'118'400'000},
            {"-1e+999", 0},
            {"1e-999", 0},
            {"9223372036854775808", 7'258'118'400'000},
            {"nan", 0},
            {"-nan", 0},
            {"", 0},
            {"soon", 0}};
  for (const auto& each : cases) EXPECT_EQ(ms_of_score(each.score), each.ms) << each.score;
}

TEST(ReplyTest, IsNilBehindItsEnd) {
  const auto reply = fake_reply(R"([1, ["a"]])");
  EXPECT_EQ(reply->root()[1][0].text, "a");
  EXPECT_TRUE(reply->root()[2].is_nil());
  EXPECT_TRUE(reply->root()[0][0].is_nil());
  EXPECT_TRUE(reply->root()[9][9][9].is_nil());
}

}  // namespace
}  // namespace ferry
