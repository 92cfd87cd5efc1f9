// `ferry plan` as a user runs it. It needs no Redis, so none is started.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "scratch_folder.hpp"
#include "support/run_program.hpp"
#include "unit/plan/measured_run.hpp"

namespace ferry {
namespace {

using nlohmann::json;
using test::Ended;
using ::testing::HasSubstr;

class CliPlanTest : public ::testing::Test {
 protected:
  void SetUp() override { write(plan::measured_file()); }

  void write(const json& value) const { std::ofstream(file_) << value.dump(); }

  Ended plan(const std::string& arguments) const {
    return test::run(test::program("ferry") + " plan " + file_.string() + ' ' + arguments);
  }

  const ScratchFolder scratch_;
  const std::filesystem::path file_ = scratch_.path() / "measured.json";
};

TEST_F(CliPlanTest, AnswersInWordsAndTheSameInJson) {
  const auto out = scratch_.path() / "plan.json";
  const Ended ended = plan(
      "--rate 5000 --budget 50ms --growth 30%/year --for 2y --outage 1h "
      "--partitions 4 --json " +
      out.string());
  ASSERT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("Plan: latency_budget(50ms)"));
  EXPECT_THAT(ended.output, HasSubstr("IN 2.0 YEARS"));
  EXPECT_THAT(ended.output, HasSubstr(" % of the price; "));
  EXPECT_THAT(ended.output, HasSubstr("the first bottleneck is"));
  EXPECT_THAT(ended.output, HasSubstr("Pollaczek"));
  const json value = json::parse(std::ifstream(out));
  EXPECT_EQ(value["policy"], "latency_budget(50ms)");
  EXPECT_LE(value["now"]["p99_ms"], 50);
  EXPECT_NEAR(value["later"]["jobs_per_second"], 8450, 1e-6);
  EXPECT_NEAR(value["now"]["outage_bytes"], 5000.0 * 3600 * 180, 1);
  EXPECT_EQ(value["prices"]["currency"], "EUR");
  EXPECT_GT(value["now"]["bill"]["per_million_jobs"], 0);
}

TEST_F(CliPlanTest, ExitsWithOneWhenNothingKeepsTheBudget) {
  const Ended ended = plan("--rate 100 --budget 3ms");
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.output, HasSubstr("over the budget of 3.00 ms; a job alone takes"));
}

TEST_F(CliPlanTest, SaysWhatIsWrongWithItsInput) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"--rate 10 --growth fast", "--growth is \"fast\"; expected as in 30%/year"},
      {"--rate 10 --for 2", "--for is \"2\"; expected as in 2y"},
      {"--rate 10 --budget 50", "--budget is \"50\"; expected a duration"},
      {"--rate 10 --job-bytes much", "--job-bytes is \"much\"; expected as in 300B"},
      {"--rate 10 --prices missing.json", "--prices missing.json: No such file"},
      {"--rate 0", "--rate: \"0\" is no number from 0.01"},
      {"--budget 50ms", "--rate is required"}};
  for (const auto& [arguments, message] : wrong) {
    const Ended ended = plan(arguments);
    EXPECT_EQ(ended.code, 2) << arguments;
    EXPECT_THAT(ended.output, HasSubstr(message));
  }
  json value = plan::measured_file();
  value["runs"][0].erase("handler_time_us");
  write(value);
  const Ended ended = plan("--rate 10");
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.output, HasSubstr("runs[0] has no \"handler_time_us\""));
  EXPECT_THAT(ended.output, HasSubstr("measure with: ferry compare"));
}

}  // namespace
}  // namespace ferry
