#include "cli/parts/units.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace ferry::cli {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

TEST(UnitsTest, ReadsDurationsWithTheirUnit) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("5s"), 5000ms);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("1.5h"), 90min);
  EXPECT_EQ(parse_duration("3d"), 72h);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("2S"), 2s);
  EXPECT_EQ(parse_duration("0"), 0ms);
}

TEST(UnitsTest, RefusesWhatIsNoDuration) {
  for (const char* text :
       {"",     "5",    "s",    "5x",           "-5s",   "5 s",    "1h30",         "1..5s",
        "5s ",  "nan",  "1e3s", "99999999999d", "5sm",   "1e30s",  "inf",          "infs",
        "nans", "0x5s", "+5s",  "0.0001ms",     "0.4ms", "36501d", "1h9999999999d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(UnitsTest, ReadsSizesInPowersOfTwoAndOfTen) {
  EXPECT_EQ(parse_bytes("0"), 0);
  EXPECT_EQ(parse_bytes("4096"), 4096);
  EXPECT_EQ(parse_bytes("512B"), 512);
  EXPECT_EQ(parse_bytes("64KiB"), 65536);
  EXPECT_EQ(parse_bytes("64 k"), 65536);
  EXPECT_EQ(parse_bytes("1.5MiB"), 1572864);
  EXPECT_EQ(parse_bytes("2G"), 2147483648);
  EXPECT_EQ(parse_bytes("10MB"), 10'000'000);
}

TEST(UnitsTest, RefusesWhatIsNoSize) {
  for (const char* text :
       {"", "KiB", "-1", "5 parsecs", "1KiBs", "1 KiB 2", "9999999999999G", "nan", "inf", "1e30",
        "0.1", "0.0001K", "-1K", "1152921504606846977000"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(UnitsTest, RefusesDigitsWithoutEnd) {
  const std::string digits(5000, '9');
  EXPECT_EQ(parse_duration(digits + "s"), std::nullopt);
  EXPECT_EQ(parse_bytes(digits + "K"), std::nullopt);
  EXPECT_EQ(parse_duration("0." + digits + "s"), 1s);
}

TEST(UnitsTest, WritesWhateverStandsInRedis) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  for (const std::int64_t number : {most, least, most / 2, least / 2}) {
    EXPECT_FALSE(format_duration(milliseconds{number}).empty());
    EXPECT_FALSE(format_bytes(number).empty());
    EXPECT_FALSE(format_count(number).empty());
  }
  EXPECT_EQ(format_bytes(least), "-8.0 EiB");
  EXPECT_EQ(format_duration(milliseconds{least}).front(), '-');
  EXPECT_EQ(format_rate(std::numeric_limits<double>::quiet_NaN()), "0");
  EXPECT_EQ(format_rate(-1e300), "0");
  EXPECT_FALSE(format_rate(1e300).empty());
}

TEST(UnitsTest, WritesDurationsWithTwoPlacesThatMatter) {
  EXPECT_EQ(format_duration(0ms), "0 ms");
  EXPECT_EQ(format_duration(999ms), "999 ms");
  EXPECT_EQ(format_duration(4200ms), "4.2 s");
  EXPECT_EQ(format_duration(59'949ms), "59.9 s");
  EXPECT_EQ(format_duration(59'950ms), "1m 00s");
  EXPECT_EQ(format_duration(192s), "3m 12s");
  EXPECT_EQ(format_duration(5h + 4min), "5h 04m");
  EXPECT_EQ(format_duration(76h), "3d 04h");
  EXPECT_EQ(format_duration(-5s), "-5.0 s");
}

TEST(UnitsTest, NeverWritesSixtyOfAnUnit) {
  EXPECT_EQ(format_duration(milliseconds{3'599'400}), "59m 59s");
  EXPECT_EQ(format_duration(milliseconds{3'599'600}), "1h 00m");
  EXPECT_EQ(format_duration(milliseconds{86'399'600}), "1d 00h");
}

TEST(UnitsTest, WritesSizesInPowersOfTwo) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(format_bytes(12LL << 30), "12.0 GiB");
}

TEST(UnitsTest, GroupsDigitsOfCounts) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_count(-1000), "-1,000");
  EXPECT_EQ(format_count(-100), "-100");
}

TEST(UnitsTest, WritesRatesShorterTheLargerTheyAre) {
  EXPECT_EQ(format_rate(0), "0");
  EXPECT_EQ(format_rate(0.42), "0.4");
  EXPECT_EQ(format_rate(12.34), "12.3");
  EXPECT_EQ(format_rate(4567.2), "4,567");
  EXPECT_EQ(format_rate(310'000), "310 k");
  EXPECT_EQ(format_rate(1'250'000), "1.25 M");
}

}  // namespace
}  // namespace ferry::cli
