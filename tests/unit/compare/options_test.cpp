#include "compare/options.hpp"

#include <gmock/gmock.h>

#include <vector>

#include "ferry/error.hpp"

namespace ferry::compare {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Experiment experiment() {
  Experiment experiment;
  experiment.name = "sample";
  experiment.produce_one = [](Client& client, std::size_t) {
    return client.enqueue_packed_async("sample", {});
  };
  experiment.settings = {{"folder", "/usr/include", "where to look"}};
  return experiment;
}

Options parse(std::vector<const char*> arguments) { return parse_options(arguments, experiment()); }

std::string refusal(std::vector<const char*> arguments) {
  try {
    parse(std::move(arguments));
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
    return e.what();
  }
  return "accepted";
}

std::vector<std::string> names(const Options& options) {
  std::vector<std::string> names;
  for (const Policy& policy : options.policies) names.push_back(policy.to_string());
  return names;
}

TEST(CompareOptionsTest, TakesTheExperimentsRowsUnlessToldOtherwise) {
  EXPECT_THAT(names(parse({"compare"})),
              ElementsAre("realtime", "fixed(10, 5ms)", "fixed(100, 5ms)", "fixed(500, 20ms)",
                          "realtime(500)"));
  EXPECT_THAT(names(parse({"compare", "--policy", "fixed:7:1ms", "--policy=realtime"})),
              ElementsAre("fixed(7, 1ms)", "realtime"));
}

TEST(CompareOptionsTest, ReadsEveryOption) {
  const Options options =
      parse({"compare", "--repetitions", "7", "--limit=200", "--concurrency", "3", "--fsync",
             "always", "--seed", "0", "--json", "out.json", "--folder", "/opt"});
  EXPECT_EQ(options.repetitions, 7U);
  EXPECT_EQ(options.limit, 200U);
  EXPECT_EQ(options.concurrency, 3U);
  EXPECT_EQ(options.fsync, Fsync::always);
  EXPECT_TRUE(options.seed_given);
  EXPECT_EQ(options.json, "out.json");
  EXPECT_EQ(options.settings.at("folder"), "/opt");
}

TEST(CompareOptionsTest, KeepsTheDefaultsOfTheExperimentsOwnOptions) {
  EXPECT_EQ(parse({"compare"}).settings.at("folder"), "/usr/include");
}

TEST(CompareOptionsTest, RefusesWhatItCannotRead) {
  EXPECT_THAT(refusal({"compare", "--repetitions", "0"}), HasSubstr("--repetitions is '0'"));
  EXPECT_THAT(refusal({"compare", "--limit", "12x"}), HasSubstr("12x"));
  EXPECT_THAT(refusal({"compare", "--limit"}), HasSubstr("has no value"));
  EXPECT_THAT(refusal({"compare", "--colour", "red"}), HasSubstr("--colour"));
  EXPECT_THAT(refusal({"compare", "--fsync", "perhaps"}), HasSubstr("perhaps"));
  EXPECT_THAT(refusal({"compare", "--policy", "often"}), HasSubstr("often"));
  EXPECT_THAT(refusal({"dance"}), HasSubstr("dance"));
}

TEST(CompareOptionsTest, BoundsTheNumberOfPolicies) {
  std::vector<std::string> policies;
  for (int i = 1; i <= 65; ++i) policies.push_back("realtime(" + std::to_string(i) + ")");
  std::vector<const char*> line{"compare"};
  for (const std::string& policy : policies) {
    line.push_back("--policy");
    line.push_back(policy.c_str());
  }
  EXPECT_THAT(refusal(line), HasSubstr("more than 64 times"));
  line.resize(line.size() - 2);
  EXPECT_EQ(parse(line).policies.size(), 64u);
}

TEST(CompareOptionsTest, ShowsWhatItRefusesOnOneShortLine) {
  const std::string odd = "a\nforged\x1b[31m" + std::string(900, '!');
  for (const std::vector<const char*>& line : {std::vector<const char*>{odd.c_str()},
                                               {"compare", odd.c_str()},
                                               {"compare", odd.c_str(), "x"},
                                               {"compare", "--limit", odd.c_str()},
                                               {"compare", "--fsync", odd.c_str()}}) {
    EXPECT_THAT(refusal(line), HasSubstr("'a?forged?[31m!!!"));
    EXPECT_LT(refusal(line).size(), 250u);
  }
}

TEST(CompareOptionsTest, ReadsRatesInOrderAndOnce) {
  const Options options = parse({"compare", "--rates", "50,7.5,50,1000", "--duration", "500ms",
                                 "--budget=0.25s", "--html", "a.html"});
  EXPECT_TRUE(options.open());
  EXPECT_FALSE(options.auto_rates);
  EXPECT_THAT(options.rates, ElementsAre(7.5, 50, 1000));
  EXPECT_EQ(options.duration.count(), 500);
  EXPECT_EQ(options.budget.count(), 250);
  EXPECT_TRUE(parse({"compare", "--rates", "auto"}).auto_rates);
}

TEST(CompareOptionsTest, TakesAReportForAWishOfRates) {
  EXPECT_FALSE(parse({"compare"}).open());
  EXPECT_TRUE(parse({"compare", "--html", "a.html"}).auto_rates);
}

TEST(CompareOptionsTest, ALatencyBudgetIsARowWhereThereAreRatesAndNoOthersWereNamed) {
  const auto last = [](const Options& options) { return options.policies.back().to_string(); };
  EXPECT_EQ(last(parse({"compare", "--rates", "auto", "--budget", "80ms"})),
            "latency_budget(80ms)");
  EXPECT_NE(last(parse({"compare"})), "latency_budget(50ms)");
  EXPECT_EQ(last(parse({"compare", "--rates", "auto", "--policy", "realtime"})), "realtime");
}

TEST(CompareOptionsTest, RefusesRatesThatAreNone) {
  EXPECT_THAT(refusal({"compare", "--rates", "5,x"}), HasSubstr("--rates has 'x'"));
  EXPECT_THAT(refusal({"compare", "--rates", "0"}), HasSubstr("from 0.1 to 1000000"));
  EXPECT_THAT(refusal({"compare", "--rates", "nan"}), HasSubstr("--rates has 'nan'"));
  EXPECT_THAT(refusal({"compare", "--duration", "5"}), HasSubstr("--duration is '5'"));
  EXPECT_THAT(refusal({"compare", "--duration", "2h"}), HasSubstr("expected 1ms to 60m"));
  EXPECT_THAT(refusal({"work", "--rates", "5"}), HasSubstr("unknown option '--rates'"));
}

TEST(CompareOptionsTest, WantsAnExperimentThatCanEnqueueOneJobForRates) {
  Experiment old = experiment();
  old.produce_one = nullptr;
  const std::vector<const char*> arguments{"compare", "--html", "a.html"};
  EXPECT_THROW(parse_options(arguments, old), Error);
}

TEST(CompareOptionsTest, RefusesTheSamePolicyTwice) {
  EXPECT_THAT(refusal({"compare", "--policy", "fixed(10, 5ms)", "--policy", "fixed:10:5ms"}),
              HasSubstr("given twice"));
}

TEST(CompareOptionsTest, RefusesDurabilityForARedisThatIsNotItsOwn) {
  EXPECT_THAT(refusal({"compare", "--redis", "redis://localhost", "--fsync", "always"}),
              HasSubstr("private"));
}

TEST(CompareOptionsTest, WantsAUrlForTheHalves) {
  EXPECT_THAT(refusal({"work"}), HasSubstr("--redis URL is missing"));
  EXPECT_THAT(refusal({"produce", "--limit", "3"}), HasSubstr("--redis URL is missing"));
  EXPECT_EQ(parse({"work", "--redis", "redis://localhost"}).policies.front().to_string(),
            "realtime");
}

TEST(CompareOptionsTest, ShowsHelpForNothingAndForTheAsking) {
  EXPECT_EQ(parse({}).command, Command::help);
  EXPECT_EQ(parse({"--help"}).command, Command::help);
  EXPECT_EQ(parse({"compare", "--help"}).command, Command::help);
  EXPECT_THAT(help_text("sample", experiment()), HasSubstr("--folder VALUE"));
}

}  // namespace
}  // namespace ferry::compare
