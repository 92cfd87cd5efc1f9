// `ferry load` as a user runs it.
#include <fstream>

#include "scratch_folder.hpp"
#include "support/cli_test.hpp"

namespace ferry::test {
namespace {

using testing::HasSubstr;

using CliLoadTest = CliTest;

Words load(Words more) {
  Words words{"load", "mail", "--kind", "send_mail"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_F(CliLoadTest, OffersWhatItWasAskedForAndSaysWhatBecameOfIt) {
  const json result = ask(load({"--rate", "400", "--shape", "constant", "--for", "500ms"}));
  EXPECT_EQ(result.at("offered"), 200);
  EXPECT_EQ(result.at("stored"), 200);
  EXPECT_EQ(result.at("dropped"), 0);
  EXPECT_EQ(result.at("load").at("shape"), "constant");
  EXPECT_GT(result.at("latency_us").at("p50"), 0);
  EXPECT_EQ(Queue(options(), "mail").counts().waiting, 200);
}

TEST_F(CliLoadTest, ReplaysATraceWithAPayloadOfItsOwn) {
  const ScratchFolder scratch;
  const auto trace = scratch.path() / "trace";
  const auto payload = scratch.path() / "payload.json";
  const auto report = scratch.path() / "report.json";
  std::ofstream(trace) << "100\n100.01\n{\"at\": 100.02}\n";
  std::ofstream(payload) << R"({"to": "a@example.org"})";
  const Ended ended = ferry(load({"--trace", trace, "--payload-file", payload, "--json", report}));
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("offered   3 jobs"));
  EXPECT_THAT(ended.out, HasSubstr("Every job was stored."));
  EXPECT_EQ(json::parse(std::ifstream(report)).at("stored"), 3);
  EXPECT_EQ(Queue(options(), "mail").counts().waiting, 3);
}

TEST_F(CliLoadTest, CountsWhatAFullQueueRefused) {
  const Ended ended = ferry(load(
      {"--rate", "400", "--for", "500ms", "--max-jobs", "50", "--seed", "1", "--output", "json"}));
  EXPECT_EQ(ended.exit_code, 1);
  const json result = ended.value();
  EXPECT_GT(result.at("refused"), 0);
  EXPECT_LE(result.at("stored"), 50);
  EXPECT_EQ(result.at("offered").get<int>(),
            result.at("stored").get<int>() + result.at("refused").get<int>());
}

TEST_F(CliLoadTest, StampsJobsWithTheTimeTheyWereMeantFor) {
  // A trace whose jobs come at once is late from its second job on, yet all count from the start.
  const ScratchFolder scratch;
  const auto trace = scratch.path() / "trace";
  std::ofstream out(trace);
  for (int i = 0; i < 300; ++i) out << "5\n";
  out.close();
  ASSERT_EQ(ferry(load({"--trace", trace})).exit_code, 0);
  Queue queue(options(), "mail");
  const JobPage page = queue.jobs(JobState::waiting, 300);
  ASSERT_EQ(page.jobs.size(), 300U);
  for (const JobInfo& job : page.jobs) EXPECT_EQ(job.enqueued_at, page.jobs.front().enqueued_at);
}

TEST_F(CliLoadTest, EndsInOrderWhenInterruptedAndStillSaysWhatWasSent) {
  Terminal terminal(load({"--rate", "200", "--for", "1h"}), environment);
  ASSERT_TRUE(terminal.shows(" s of 1h 00m"));
  terminal.interrupt();
  EXPECT_EQ(terminal.end(), 1);
  EXPECT_THAT(terminal.shown(), HasSubstr("Stopped before its end."));
  EXPECT_THAT(terminal.shown(), HasSubstr("latency   p50"));
}

TEST_F(CliLoadTest, SaysWhatIsWrongWithItsOptions) {
  for (const auto& [words, why] :
       {std::pair{load({}), "--rate is missing"},
        std::pair{load({"--rate", "5", "--shape", "square"}), "--shape is \"square\""},
        std::pair{load({"--rate", "5", "--for", "10"}), "--for is \"10\""},
        std::pair{load({"--rate", "-1"}), "--rate: \"-1\" is no number from 0.001"},
        std::pair{load({"--trace", "/nowhere"}), "cannot be read"}}) {
    const Ended ended = ferry(words);
    EXPECT_EQ(ended.exit_code, 2) << ended.out;
    EXPECT_THAT(ended.err, HasSubstr(why));
  }
}

}  // namespace
}  // namespace ferry::test
