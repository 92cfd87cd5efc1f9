#include "cli/parts/numbers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace ferry::cli {
namespace {

using testing::IsEmpty;

TEST(CliNumbersTest, TakeWholeNumbersOfTheRangeOnly) {
  for (const char* text : {"0", "7", "1000", "0007"}) {
    EXPECT_THAT(whole_number_refusal(text, 0, 1000), IsEmpty()) << text;
  }
  for (const char* text : {"", "-1", "+1", "1001", "1.5", "1e2", "0x10", "nan", "inf", " 1", "1 ",
                           "99999999999999999999", "1;2"}) {
    EXPECT_EQ(whole_number_refusal(text, 0, 1000),
              '"' + std::string(text) + "\" is no whole number from 0 to 1000");
  }
  EXPECT_THAT(whole_number_refusal("18446744073709551615", 0, UINT64_MAX), IsEmpty());
  EXPECT_EQ(whole_number_refusal("-1", 0, UINT64_MAX),
            "\"-1\" is no whole number from 0 to 18446744073709551615");
  EXPECT_EQ(whole_number_refusal("\x1b[2J", 0, 1).find('\x1b'), std::string::npos);
}

TEST(CliNumbersTest, TakeNumbersOfTheRangeOnly) {
  for (const char* text : {"0.01", "1", "2.5", "1e3", "1e8"}) {
    EXPECT_THAT(number_refusal(text, 0.01, 1e8), IsEmpty()) << text;
  }
  for (const char* text : {"", "nan", "-nan", "inf", "-inf", "1e9", "1e300", "1e-300", "-1", "0",
                           "1e999", "0x1p3", "1,5", "1 "}) {
    EXPECT_EQ(number_refusal(text, 0.01, 1e8),
              '"' + std::string(text) + "\" is no number from 0.01 to 100000000");
  }
}

TEST(CliNumbersTest, FindWholeNumbersThatJsonReadersChange) {
  for (const char* fine : {"18446744073709551615", "-9223372036854775808", "0", "-1", "1e30", "1.0",
                           R"("18446744073709551616")", R"({"a\"99999999999999999999": [1, 2]})",
                           R"(["\\", 5])", "", "{", "\"99999999999999999999"}) {
    EXPECT_THAT(std::string(inexact_integer(fine)), IsEmpty()) << fine;
  }
  EXPECT_EQ(inexact_integer(R"({"a": 18446744073709551616})"), "18446744073709551616");
  EXPECT_EQ(inexact_integer("[1,-9223372036854775809]"), "-9223372036854775809");
  EXPECT_EQ(inexact_integer(R"({"\\": 99999999999999999999})"), "99999999999999999999");
}

}  // namespace
}  // namespace ferry::cli
