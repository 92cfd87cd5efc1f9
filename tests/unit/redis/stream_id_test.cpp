#include "redis/stream_id.hpp"

#include <gtest/gtest.h>

namespace ferry::redis {
namespace {

TEST(StreamIdTest, ReadsAndWritesWhatRedisWrites) {
  for (const char* text :
       {"0-0", "5-12", "1764336789123-0", "18446744073709551615-18446744073709551615"}) {
    const auto id = StreamId::parse(text);
    ASSERT_TRUE(id) << text;
    EXPECT_EQ(id->text(), text);
  }
}

TEST(StreamIdTest, HasTheOrderOfTheStream) {
  EXPECT_LT(*StreamId::parse("9-100"), *StreamId::parse("10-2")) << "by number, not by letter";
  EXPECT_LT(*StreamId::parse("10-9"), *StreamId::parse("10-10"));
}

TEST(StreamIdTest, ReadsNothingElse) {
  for (const char* text : {"", "-", "5", "5-", "-5", "-1-0", "5-x", "x-0", "5-0-0", " 5-0", "5-+1",
                           "99999999999999999999-0"}) {
    EXPECT_FALSE(StreamId::parse(text)) << text;
  }
}

}  // namespace
}  // namespace ferry::redis
