// `compare --rates` and its report as users run and read them; the report is opened in a browser.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "plan/measured.hpp"
#include "scratch_folder.hpp"
#include "support/redis_test.hpp"
#include "support/run_program.hpp"

namespace ferry {
namespace {

using nlohmann::json;
using test::Ended;
using test::program;
using test::run;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CompareReportTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    ended_ = new Ended(run(program("checksum") +
                           " compare --rates 40,160 --duration 500ms --repetitions 2 --limit 100 "
                           "--policy realtime --policy 'fixed(20, 5ms)' --seed 3 --json " +
                           file("out.json") + " --html " + file("out.html")));
  }
  static void TearDownTestSuite() {
    delete ended_;
    delete folder_;
  }
  void SetUp() override { test::start_redis(); }

  static std::string file(const std::string& name) { return folder_->path() / name; }
  static json result() { return json::parse(std::ifstream(file("out.json"))); }

  inline static ScratchFolder* folder_ = nullptr;
  inline static Ended* ended_ = nullptr;
};

TEST_F(CompareReportTest, OffersEveryPolicyTheSameJobsAtEveryRate) {
  ASSERT_EQ(ended_->code, 0) << ended_->output;
  const json all = result();
  EXPECT_EQ(all["load"], "open loop");
  EXPECT_EQ(all["rows"].size(), 4U);
  ASSERT_EQ(all["runs"].size(), 8U);
  for (const json& one : all["runs"]) {
    for (const json& other : all["runs"]) {
      if (one["rate"] != other["rate"] || one["repetition"] != other["repetition"]) continue;
      EXPECT_EQ(one["offered"], other["offered"]);
    }
    EXPECT_EQ(one["done"], one["offered"]) << "nothing is lost at so low a rate";
    EXPECT_LE(one["p50_us"], one["p99_us"]);
    EXPECT_LE(one["within_budget"], one["done"]);
    EXPECT_NEAR(one["stages_part_of_mean"], 1, 0.01) << one["policy"];
    EXPECT_GT(one["worker_time_us"], 0);
    EXPECT_GT(one["price_per_million"], 0);
    EXPECT_GT(one["bytes"], 0);
    EXPECT_GT(one["run_p50_us"], 0);
    EXPECT_LE(one["run_p50_us"], one["run_p90_us"]);
    EXPECT_EQ(one["books_wrong"], "");
    EXPECT_NE(one["little"]["result"], "broken") << one["little"];
  }
}

TEST_F(CompareReportTest, MeasuresWhatAPlanWouldHaveToAssume) {
  ASSERT_EQ(ended_->code, 0) << ended_->output;
  const plan::Measured measured = plan::read_measured(result().dump(), "out.json");
  EXPECT_FALSE(measured.redis_bytes_estimated);
  // Its id, kind and a payload with a path, and at most as much again for the entry around it.
  EXPECT_GT(measured.redis_bytes, 60);
  EXPECT_LT(measured.redis_bytes, 1000);
  EXPECT_FALSE(measured.noise_assumed);
  EXPECT_THAT(ended_->output, HasSubstr("the books balanced in 8 of 8 runs"));
}

TEST_F(CompareReportTest, GivesNoVerdictFromTwoRepetitions) {
  ASSERT_EQ(ended_->code, 0) << ended_->output;
  EXPECT_THAT(ended_->output, HasSubstr("No verdict: underpowered, 2 of at least 5 repetitions."));
  EXPECT_EQ(result()["gain"], "no verdict");
  EXPECT_TRUE(result()["underpowered"]);
}

TEST_F(CompareReportTest, CountsWhatIsFarBeyondAPolicyAndDoesNotWaitForIt) {
  const Ended ended = run(program("checksum") +
                          " compare --rates 20000 --duration 300ms --repetitions 1 --limit 100 "
                          "--policy realtime --concurrency 1 --seed 3 --json " +
                          file("far.json"));
  ASSERT_EQ(ended.code, 0) << ended.output;
  const json all = json::parse(std::ifstream(file("far.json")));
  const json& one = all["runs"][0];
  EXPECT_FALSE(one["steady"]);
  EXPECT_GT(one["unfinished"], 0);
  EXPECT_TRUE(one["p999_us"].is_null()) << "no time is known of jobs that did not end";
}

TEST_F(CompareReportTest, RefusesRatesForAnOptionThatIsNone) {
  for (const auto& [options, why] :
       {std::pair{"--rates fast", "--rates has 'fast'"},
        {"--rates 5,,6", "--rates has ''"},
        {"--rates 5 --duration 3", "--duration is '3'"},
        {"--rates 5 --budget -1ms", "--budget is '-1ms'"},
        {"--rates 5 --prices /nowhere", "cannot be read"},
        {"--rates 5 --html /nowhere/x", "--html /nowhere/x cannot be written"}}) {
    const Ended ended = run(program("checksum") + " compare " + options);
    EXPECT_EQ(ended.code, 2) << options;
    EXPECT_THAT(ended.output, HasSubstr(why));
  }
}

/// Returns: the browser's path, or nothing when there is none.
std::string chromium() {
  const Ended found = run("command -v chromium || command -v chromium-browser");
  return found.code == 0 ? found.output.substr(0, found.output.find('\n')) : "";
}

TEST_F(CompareReportTest, CanBeReadByEverybodyInABrowser) {
  ASSERT_EQ(ended_->code, 0) << ended_->output;
  const std::string browser = chromium();
  if (browser.empty()) {
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string_view(ci) == "true") FAIL() << "chromium is missing";
    GTEST_SKIP() << "chromium is missing: nobody looks at the report";
  }
  // Where somebody can look at the pictures.
  const std::string pictures = FERRY_BIN_DIR "/report_pictures";
  std::filesystem::create_directories(pictures);
  const Ended looked = run("node " FERRY_SOURCE_DIR "/tests/report/look.mjs " + browser + " " +
                           file("out.html") + " " + pictures + " 2>/dev/null");
  std::filesystem::remove_all(pictures + "/profile");
  ASSERT_EQ(looked.code, 0) << looked.output;
  const json views = json::parse(looked.output);
  for (const auto& [name, view] : views.items()) {
    EXPECT_THAT(view["errors"], IsEmpty()) << name;
    EXPECT_THAT(view["requests"], IsEmpty()) << name;
    EXPECT_GT(view["height"], 2000) << name;
    EXPECT_GT(std::filesystem::file_size(pictures + "/" + name + ".png"), 50'000U) << name;
    if (name == "no_script") continue;
    // Three for all rates, and two for each.
    EXPECT_EQ(view["charts"], 7) << name;
    EXPECT_EQ(view["drawn"], view["charts"]) << name;
    EXPECT_TRUE(view["sound"]) << name << ": a chart is empty or wider than the page";
    EXPECT_EQ(view["tables"], 6) << name;
    EXPECT_EQ(view["overflow"], 0) << name << " scrolls sideways";
  }
  EXPECT_EQ(views["phone"]["width"], 375);
  EXPECT_EQ(views["desktop"]["background"], "rgb(255, 255, 255)");
  EXPECT_NE(views["dark"]["background"], views["desktop"]["background"]);
}

TEST_F(CompareReportTest, SaysAllWithoutScripts) {
  ASSERT_EQ(ended_->code, 0) << ended_->output;
  std::ifstream in(file("out.html"));
  const std::string html{std::istreambuf_iterator<char>(in), {}};
  const std::string before_scripts = html.substr(0, html.find("<script"));
  EXPECT_THAT(before_scripts, HasSubstr("No verdict: underpowered"));
  EXPECT_THAT(before_scripts, HasSubstr("<td>fixed(20, 5ms)</td>"));
  EXPECT_THAT(before_scripts, HasSubstr("href=\"data:application/json;base64,"));
  EXPECT_THAT(before_scripts, HasSubstr("Little&#39;s law"));
  EXPECT_THAT(before_scripts, Not(HasSubstr("src=")));
}

TEST(ReportVendorTest, IsWhatItsSumsSay) {
  const Ended ended =
      run("cd " FERRY_SOURCE_DIR "/workers/src/report/vendor && sha256sum -c SHA256SUMS");
  EXPECT_EQ(ended.code, 0) << ended.output;
}

}  // namespace
}  // namespace ferry
