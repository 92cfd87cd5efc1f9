// Every number of the command line, far outside of its range. No server is asked.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/run_program.hpp"

namespace ferry {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Flag {
  std::string command;  ///< without the value
  std::string name;
  std::string expected;
  std::vector<std::string> refused;
};

const std::vector<std::string> no_whole_numbers{
    "-1", "1.5", "1e3", "nan", "inf", "x", "99999999999999999999", "18446744073709551616"};
const std::vector<std::string> no_numbers{"-1", "nan", "inf", "-inf", "1e300", "x", "1e999"};
const std::vector<std::string> no_times{"-1s", "5",      "1e30s", "nans",
                                        "inf", "36501d", "0.1ms", "99999999999d"};

std::vector<std::string> with(std::vector<std::string> words, const std::string& more) {
  words.push_back(more);
  return words;
}

std::vector<Flag> flags() {
  const std::string load = "load mail --kind k ";
  const std::string plan = "plan /dev/null --rate 1 ";
  return {
      {"stats --watch", "--looks", "from 0 to 1000000", with(no_whole_numbers, "1000001")},
      {"stats --watch", "--interval", "100ms to 24h", with(no_times, "99ms")},
      {"queue show mail --jobs waiting", "--limit", "from 1 to 1000", with(no_whole_numbers, "0")},
      {"dead ls mail", "--limit", "from 1 to 1000", with(no_whole_numbers, "1001")},
      {load, "--rate", "from 0.001 to 1000000", with(no_numbers, "0")},
      {load + "--rate 1", "--for", "at most 366d", with(no_times, "0")},
      {load + "--rate 1", "--payload-bytes", "from 0 to 8000000",
       with(no_whole_numbers, "8000001")},
      {load + "--rate 1", "--max-jobs", "from 0 to 1000000000", no_whole_numbers},
      {load + "--rate 1", "--seed", "from 0 to 18446744073709551615", no_whole_numbers},
      {"enqueue mail", "--timeout", "at most 1h", with(no_times, "61m")},
      {"plan /dev/null", "--rate", "from 0.01 to 100000000", with(no_numbers, "0.001")},
      {plan, "--partitions", "from 1 to 10000", with(no_whole_numbers, "0")},
      {plan, "--workers", "from 0 to 100000", with(no_whole_numbers, "100001")},
      {plan, "--servers", "from 0 to 10000", with(no_whole_numbers, "10001")},
      {plan, "--noise", "from 0 to 3", with(no_numbers, "3.1")},
      {plan, "--seed", "from 0 to 18446744073709551615", no_whole_numbers},
      {plan, "--budget", "at most 366d", no_times},
      {plan, "--outage", "at most 366d", with(no_times, "367d")},
      {plan, "--job-bytes", "1B to 1GiB", {"0", "-1", "1e3", "nan", "0.1", "2GiB", "1EB", "x"}},
      {"budget /dev/null", "--part", "from 0.0001 to 0.5", with(no_numbers, "0.51")},
  };
}

TEST(CliNumbersTest, AreRefusedByFlagValueAndRange) {
  for (const Flag& flag : flags()) {
    for (const std::string& value : flag.refused) {
      const std::string line = flag.command + " " + flag.name + "=" + value;
      const auto ended = test::run("FERRY_REDIS=unix:///nowhere/at/all.sock " +
                                   test::program("ferry") + " " + line + " </dev/null");
      EXPECT_EQ(ended.code, 2) << line << ": " << ended.output;
      EXPECT_THAT(ended.output, AllOf(HasSubstr(flag.name), HasSubstr(flag.expected),
                                      HasSubstr('"' + value + '"')))
          << line;
      EXPECT_LT(ended.output.size(), 400u) << "no bounds of 300 digits";
    }
  }
}

}  // namespace
}  // namespace ferry
