#include "functions/enqueue_call.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ferry {
namespace {

using redis::Reply;
using Kind = EnqueueReply::Kind;

Reply text(std::string_view value) {
  Reply reply;
  reply.type = Reply::Type::text;
  reply.text = value;
  return reply;
}

Reply integer(std::int64_t value) {
  Reply reply;
  reply.type = Reply::Type::integer;
  reply.integer = value;
  return reply;
}

EnqueueReply read(const std::vector<Reply>& elements) {
  Reply reply;
  reply.type = Reply::Type::array;
  reply.elements = elements.data();
  reply.size = elements.size();
  return read_enqueue_reply(reply);
}

TEST(EnqueueCallTest, PutsKeysLimitsAndEnvelopesWhereTheFunctionExpectsThem) {
  const Keys keys("app", "mail");
  EnqueueCall call(keys, {.max_jobs = 10, .max_bytes = 20, .max_age = std::chrono::seconds{3}});
  const std::vector<OutgoingEnvelope> envelopes{
      {Priority::low, std::chrono::milliseconds{0}, "now"},
      {Priority::high, std::chrono::milliseconds{1500}, "later"}};
  const auto arguments = call.arguments("me", 7, envelopes);
  const std::vector<std::string_view> expected{"FCALL",
                                               "ferry_v1_enqueue",
                                               "7",
                                               keys.state,
                                               keys.producers,
                                               keys.due,
                                               keys.parked,
                                               keys.ready[0],
                                               keys.ready[1],
                                               keys.ready[2],
                                               "me",
                                               "7",
                                               "10",
                                               "20",
                                               "3000",
                                               "7",
                                               "0",
                                               "2",
                                               "now",
                                               "5",
                                               "1500",
                                               "0",
                                               "later"};
  EXPECT_EQ(std::vector<std::string_view>(arguments.begin(), arguments.end()), expected);
}

TEST(EnqueueReplyTest, ReadsDepthAndAge) {
  const auto ok = read({text("OK"), integer(5), integer(600), integer(70)});
  EXPECT_EQ(ok.kind, Kind::ok);
  EXPECT_EQ(ok.depth_jobs, 5);
  EXPECT_EQ(ok.depth_bytes, 600);
  EXPECT_EQ(ok.oldest_age.count(), 70);
  EXPECT_EQ(read({text("DUP"), integer(5), integer(600), integer(0)}).kind, Kind::dup);
}

TEST(EnqueueReplyTest, ReadsWhyNothingWasStored) {
  const auto gap = read({text("GAP"), integer(4)});
  EXPECT_EQ(gap.kind, Kind::gap);
  EXPECT_EQ(gap.last_sequence, 4);
  const auto full = read({text("FULL"), integer(1), integer(2), integer(3), integer(4)});
  EXPECT_EQ(full.kind, Kind::full);
  EXPECT_EQ(full.retry_after.count(), 4);
}

TEST(EnqueueReplyTest, DoesNotTakeAnotherShapeForAnAnswer) {
  EXPECT_EQ(read({}).kind, Kind::unknown);
  EXPECT_EQ(read({text("OK")}).kind, Kind::unknown);
  EXPECT_EQ(read({text("OK"), text("5"), integer(1), integer(1)}).kind, Kind::unknown);
  EXPECT_EQ(read({text("FULL"), integer(1), integer(2), integer(3)}).kind, Kind::unknown);
  EXPECT_EQ(read({text("WHAT"), integer(1), integer(2), integer(3)}).kind, Kind::unknown);
  EXPECT_EQ(read_enqueue_reply(integer(1)).kind, Kind::unknown);
}

TEST(EnqueueReplyTest, KeepsTheTextOfAnError) {
  Reply error;
  error.type = Reply::Type::error;
  error.text = "OOM command not allowed";
  const auto reply = read_enqueue_reply(error);
  EXPECT_EQ(reply.kind, Kind::error);
  EXPECT_EQ(reply.text, "OOM command not allowed");
}

}  // namespace
}  // namespace ferry
