#include "plan/bill.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "ferry/error.hpp"

namespace ferry::plan {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

json price_file() {
  return {{"date", "2026-01-31"}, {"currency", "EUR"},      {"source", "a test"},
          {"core_hour", 0.07},    {"gigabyte_hour", 0.014}, {"gigabyte_moved", 0.1}};
}

std::string refusal(const json& value) {
  try {
    read_rates(value.dump(), "prices.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was wrong";
}

TEST(RatesTest, ReadsAFileAndThoseThatFerryBrings) {
  const Rates rates = read_rates(price_file().dump(), "prices.json");
  EXPECT_EQ(rates.date, "2026-01-31");
  EXPECT_EQ(rates.core_hour, 0.07);
  EXPECT_EQ(rates.gigabyte_moved, 0.1);
  EXPECT_EQ(default_rates().currency, "EUR");
  EXPECT_GT(default_rates().core_hour, 0);
}

TEST(RatesTest, NamesWhatIsMissingAndWhatIsExpected) {
  for (const char* name : {"date", "currency", "source", "core_hour", "gigabyte_hour"}) {
    json file = price_file();
    file.erase(name);
    EXPECT_THAT(refusal(file), AllOf(HasSubstr("prices.json"), HasSubstr('"' + std::string(name)),
                                     HasSubstr("expected {")));
  }
  json file = price_file();
  file["core_hour"] = -1;
  EXPECT_THAT(refusal(file), HasSubstr("\"core_hour\" is missing or no price"));
  file = price_file();
  file.erase("gigabyte_moved");
  EXPECT_EQ(read_rates(file.dump(), "").gigabyte_moved, 0);
}

TEST(BillTest, IsWhatOneWorksOutByHand) {
  Measured measured;
  measured.worker_cpu = {1000, 550, 500};  // 700 µs in tens, at 100/s
  measured.redis_cpu = {.per_job = 14};
  measured.producer_cpu = {.per_job = 7};
  measured.redis_bytes = 200;
  measured.bytes = {.per_job = 500};
  const Rates rates = read_rates(price_file().dump(), "");
  const Bill bill = bill_of(
      measured, rates,
      {.per_second = 1000, .worker_per_second = 100, .mean_batch = 10, .outage_seconds = 3600});
  // 1,000/s · 700 µs = 0.7 cores used, 1 rented: 730 h · 0.07.
  EXPECT_NEAR(bill.used(LineKind::worker_cpu), 0.7, 1e-12);
  EXPECT_NEAR(bill.of(LineKind::worker_cpu), 51.1, 1e-9);
  EXPECT_NEAR(bill.of(LineKind::redis_cpu), 51.1 * 0.02, 1e-9);
  EXPECT_NEAR(bill.of(LineKind::producer_cpu), 51.1 * 0.01, 1e-9);
  // 3.6 million jobs of 200 bytes = 0.72 GB, of 0.7 of what is rented.
  EXPECT_NEAR(bill.used(LineKind::redis_memory), 0.72e9, 1);
  EXPECT_NEAR(bill.of(LineKind::redis_memory), 0.72 / 0.7 * 0.014 * 730, 1e-9);
  // 2,628,000 s · 500 kB/s = 1,314 GB.
  EXPECT_NEAR(bill.of(LineKind::traffic), 131.4, 1e-9);
  EXPECT_EQ(bill.largest().kind, LineKind::traffic);
  EXPECT_NEAR(bill.per_month(), 51.1 * 1.03 + 10.512 + 131.4, 1e-9);
  EXPECT_NEAR(per_million(2628, 1000), 1, 1e-12);
}

}  // namespace
}  // namespace ferry::plan
