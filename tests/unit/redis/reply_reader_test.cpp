#include "redis/reply_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "ferry/error.hpp"
#include "support/error_from.hpp"
#include "support/redis_test.hpp"

namespace ferry::redis {
namespace {

using test::show;

void feed(ReplyReader& reader, std::string_view bytes) { reader.feed(bytes.data(), bytes.size()); }

TEST(ReplyReaderTest, ReadsEveryTypeOfReply) {
  ReplyReader reader;
  feed(reader, "+OK\r\n-ERR no\r\n:-42\r\n$5\r\nhello\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n");
  EXPECT_EQ(reader.next()->root().type, Reply::Type::status);
  EXPECT_EQ(show(reader.next()->root()), "error ERR no");
  EXPECT_EQ(reader.next()->root().integer, -42);
  EXPECT_EQ(reader.next()->root().text, "hello");
  EXPECT_EQ(reader.next()->root().type, Reply::Type::text);
  EXPECT_TRUE(reader.next()->root().is_nil());
  EXPECT_TRUE(reader.next()->root().is_nil());
  EXPECT_EQ(reader.next()->root().type, Reply::Type::array);
  EXPECT_EQ(reader.next(), nullptr);
}

TEST(ReplyReaderTest, ReadsTheSameWhereverTheBytesAreCut) {
  const std::string bytes = "*3\r\n:1\r\n*2\r\n$3\r\na\r\n\r\n*1\r\n$-1\r\n+fine\r\n$2\r\nok\r\n";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    ReplyReader reader;
    feed(reader, std::string_view(bytes).substr(0, cut));
    ReplyPtr first = reader.next();
    feed(reader, std::string_view(bytes).substr(cut));
    if (!first) first = reader.next();
    ASSERT_TRUE(first) << cut;
    EXPECT_EQ(show(first->root()), "[1, [a\r\n, [nil]], fine]") << cut;
    ASSERT_EQ(reader.next()->root().text, "ok") << cut;
  }
}

TEST(ReplyReaderTest, ReadsByteByByte) {
  const std::string bytes = "*2\r\n$3\r\nkey\r\n*2\r\n:7\r\n-E x\r\n";
  ReplyReader reader;
  ReplyPtr reply;
  for (const char byte : bytes) {
    ASSERT_FALSE(reply);
    reader.feed(&byte, 1);
    reply = reader.next();
  }
  EXPECT_EQ(show(reply->root()), "[key, [7, error E x]]");
}

TEST(ReplyReaderTest, HoldsRepliesThatOutliveIt) {
  ReplyPtr reply;
  {
    ReplyReader reader;
    feed(reader, "$5\r\nhello\r\n");
    reply = reader.next();
    feed(reader, "$5\r\nother\r\n");
    reader.next();
  }
  EXPECT_EQ(reply->root().text, "hello");
}

TEST(ReplyReaderTest, RefusesWhatIsNoReplyAndBeginsAgainWhenCleared) {
  ReplyReader reader;
  feed(reader, "HTTP/1.1 200 OK\r\n");
  EXPECT_THROW(reader.next(), Error);
  reader.clear();
  feed(reader, "*2\r\n:1\r\n");
  EXPECT_EQ(reader.next(), nullptr);
  reader.clear();
  feed(reader, ":5\r\n");
  EXPECT_EQ(reader.next()->root().integer, 5);
}

TEST(ReplyReaderTest, DoesNotAskForGigabytesBecauseLengthsSaySo) {
  for (const std::string_view bytes :
       {"*2000000000\r\n", "*1048577\r\n", "*600000\r\n*600000\r\n"}) {
    ReplyReader reader;
    feed(reader, bytes);
    const std::string message = test::error_from([&] { reader.next(); }).what();
    EXPECT_THAT(message, testing::HasSubstr("it has more than 1048576 elements")) << bytes;
  }
}

TEST(ReplyReaderTest, CountsTheElementsOfEachReplyAnew) {
  ReplyReader reader;
  for (int reply = 0; reply < 3; ++reply) {
    std::string bytes = "*400000\r\n";
    for (int i = 0; i < 400'000; ++i) bytes += ":1\r\n";
    feed(reader, bytes);
    ASSERT_EQ(reader.next()->root().size, 400'000u);
  }
}

}  // namespace
}  // namespace ferry::redis
