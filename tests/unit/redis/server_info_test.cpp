#include "redis/server_info.hpp"

#include <gtest/gtest.h>

namespace ferry::redis {
namespace {

TEST(ServerInfoTest, ReadsFieldsAndPassesOverHeadings) {
  const ServerInfo info = parse_info(
      "# Server\r\nredis_version:7.0.15\r\nempty:\r\n\r\nmaster_host:[::1]:6379\r\nlast:x");
  EXPECT_EQ(info.size(), 4u);
  EXPECT_EQ(field(info, "redis_version"), "7.0.15");
  EXPECT_EQ(field(info, "empty"), "");
  EXPECT_EQ(field(info, "master_host"), "[::1]:6379");
  EXPECT_EQ(field(info, "last"), "x");
  EXPECT_EQ(field(info, "missing"), "");
  EXPECT_TRUE(parse_info("").empty());
}

TEST(ServerInfoTest, KnowsWhichVersionsHaveFunctions) {
  for (const char* version : {"7.0.0", "7.2.4", "8.1", "10.0.0", "255.255.255"}) {
    EXPECT_TRUE(has_functions(version)) << version;
  }
  for (const char* version : {"6.2.14", "2.8", "", "x"}) {
    EXPECT_FALSE(has_functions(version)) << version;
  }
}

}  // namespace
}  // namespace ferry::redis
