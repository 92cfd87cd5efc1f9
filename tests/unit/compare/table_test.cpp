#include "compare/table.hpp"

#include <gmock/gmock.h>

#include "compare/run_report.hpp"
#include "compare/server_usage.hpp"
#include "ferry/error.hpp"

namespace ferry::compare {
namespace {

using ::testing::HasSubstr;

TEST(SpreadTest, TakesTheMiddleOfAnEvenNumberOfValues) {
  const Spread spread = spread_of({4, 1, 3, 2});
  EXPECT_DOUBLE_EQ(spread.median, 2.5);
  EXPECT_DOUBLE_EQ(spread.low, 1);
  EXPECT_DOUBLE_EQ(spread.high, 4);
  EXPECT_DOUBLE_EQ(spread_of({}).median, 0);
}

TEST(RowsTest, DividesTotalsByTheJobsOfTheirOwnRun) {
  RunReport small;
  small.policy = "realtime";
  small.jobs = 100;
  small.seconds = 2;
  small.redis_commands = 300;
  RunReport large = small;
  large.repetition = 2;
  large.jobs = 1000;
  large.redis_commands = 5000;
  const auto rows = rows_of({small, large}, {"realtime", "fixed(10, 5ms)"});
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].repetitions, 2U);
  EXPECT_DOUBLE_EQ(rows[0].redis_commands.low, 3);
  EXPECT_DOUBLE_EQ(rows[0].redis_commands.high, 5);
  EXPECT_DOUBLE_EQ(rows[0].jobs_per_second.low, 50);
  EXPECT_DOUBLE_EQ(rows[0].jobs_per_second.high, 500);
  EXPECT_EQ(rows[1].repetitions, 0U);
}

TEST(TableTest, LinesUpColumnsWhateverTheNames) {
  PolicyRow slow;
  slow.policy = "realtime";
  slow.jobs_per_second = {1234, 1200, 1300};
  slow.p99 = {1'500'000, 0, 0};
  PolicyRow quick = slow;
  quick.policy = "fixed(500, 20ms)";
  quick.jobs_per_second = {1'234'567, 1, 2'000'000};
  const std::string table = table_of({slow, quick});
  EXPECT_THAT(table, HasSubstr("1,234 (1,200–1,300)"));
  EXPECT_THAT(table, HasSubstr("1,234,567 (1–2,000,000)"));
  EXPECT_THAT(table, HasSubstr("1.50 s"));
  const auto ends_at = [&](const char* text) {
    const std::size_t at = table.find(text);
    const std::size_t line = table.rfind('\n', at) + 1;
    std::size_t column = 0;
    for (std::size_t i = line; i < at; ++i) {
      column += (static_cast<unsigned char>(table[i]) & 0xc0U) != 0x80U;
    }
    return column + std::string_view(text).size();
  };
  // The dash is three bytes and one column.
  EXPECT_EQ(ends_at("1,234 (1,200–1,300)"), ends_at("1,234,567 (1–2,000,000)"));
}

TEST(TableTest, WritesDurationsWithAFittingUnit) {
  EXPECT_EQ(duration_text(0), "0 µs");
  EXPECT_EQ(duration_text(999), "999 µs");
  EXPECT_EQ(duration_text(999.9), "1.00 ms");
  EXPECT_EQ(duration_text(12'345), "12.3 ms");
  EXPECT_EQ(duration_text(999'400), "999 ms");
  EXPECT_EQ(duration_text(999'600), "1.00 s");
  EXPECT_EQ(duration_text(123e6), "123 s");
}

TEST(TableTest, SeparatesThousands) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1000), "1,000");
  EXPECT_EQ(count_text(1234567), "1,234,567");
  EXPECT_EQ(count_text(-1234), "-1,234");
  EXPECT_EQ(count_text(-123), "-123");
}

TEST(ServerUsageTest, ReadsTheFieldsItNeeds) {
  const ServerUsage usage = read_server_usage(
      "# Server\r\nredis_version:7.0.15\r\n# CPU\r\nused_cpu_sys:0.5\r\nused_cpu_user:1.25\r\n"
      "used_cpu_user_children:9\r\n# "
      "Stats\r\ntotal_commands_processed:42\r\nused_memory_rss:4096\r\n");
  EXPECT_EQ(usage.version, "7.0.15");
  EXPECT_DOUBLE_EQ(usage.cpu_microseconds, 1'750'000);
  EXPECT_EQ(usage.commands, 42U);
}

TEST(ServerUsageTest, NamesTheFieldThatIsMissing) {
  try {
    read_server_usage("redis_version:7.0.15\r\nused_cpu_user:1\r\n");
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("used_cpu_sys"));
  }
}

}  // namespace
}  // namespace ferry::compare
