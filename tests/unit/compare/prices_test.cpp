#include "compare/prices.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "ferry/error.hpp"
#include "scratch_folder.hpp"
#include "support/error_from.hpp"

namespace ferry::compare {
namespace {

using ::testing::HasSubstr;

TEST(PricesTest, AddsUpCoresAndMemory) {
  const Prices prices{
      .date = "", .currency = "", .source = "", .core_hour = 0.036, .gigabyte_hour = 0.0036};
  // 1 ms of a core for each of a thousand jobs; one GB for 10 s.
  EXPECT_DOUBLE_EQ(price_per_million(prices, {1, 10}, 1000), (0.00001 + 0.00001) * 1000);
  EXPECT_EQ(price_per_million(prices, {1, 10}, 0), 0);
}

TEST(PricesTest, BringsDatedOnes) {
  EXPECT_EQ(default_prices().date.size(), 10U);
  EXPECT_GT(default_prices().core_hour, 0);
}

TEST(PricesTest, NamesTheMemberThatIsWrong) {
  const ScratchFolder scratch;
  const auto file = scratch.path() / "prices.json";
  const std::string start = R"({"date": "2026-01-01", "currency": "EUR", "source": "me")";
  for (const auto& [text, why] :
       {std::pair<std::string, std::string>{"[]", "not a JSON object"},
        {"{}", "date is missing"},
        {start + "}", "core_hour is missing"},
        {start + R"(, "core_hour": -1})", "core_hour is missing or no price"},
        {start + R"(, "core_hour": 1, "gigabyte_hour": "2"})", "gigabyte_hour is missing"}}) {
    std::ofstream(file) << text;
    EXPECT_THAT(std::string(test::error_from([&] { read_prices(file); }).what()), HasSubstr(why));
  }
  std::ofstream(file) << start + R"(, "core_hour": 1, "gigabyte_hour": 0})";
  EXPECT_EQ(read_prices(file).core_hour, 1);
}

}  // namespace
}  // namespace ferry::compare
