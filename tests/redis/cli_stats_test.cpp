#include "support/cli_test.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using CliStatsTest = CliTest;

TEST_F(CliStatsTest, StatsShowQueuesOnce) {
  enqueue("mail", 1234);
  enqueue("files", 1);
  const json all = ask({"stats"}).at("queues");
  EXPECT_EQ(all.size(), 2U);
  const json one = ask({"stats", "mail"}).at("queues");
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].at("waiting"), 1234);
  EXPECT_FALSE(one[0].contains("per_second"));
  EXPECT_THAT(ferry({"stats", "mail"}).out, AllOf(HasSubstr("1,234"), Not(HasSubstr("files"))));
}

TEST_F(CliStatsTest, StatsWatchPrintsALineForEachLookWithRates) {
  enqueue("mail", 1);
  const Words words{"stats", "--watch", "--interval", "100ms", "--looks", "3"};
  const auto lines = lines_of(ferry(words).out);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_THAT(lines[0], HasSubstr("DONE/s"));
  for (const std::string& line : lines) EXPECT_EQ(line.size(), lines[0].size()) << line;
  Words as_json = words;
  as_json.insert(as_json.end(), {"--output", "json"});
  const auto looks = lines_of(ferry(as_json).out);
  ASSERT_EQ(looks.size(), 3U);
  const json last = json::parse(looks[2]).at("queues").at(0);
  EXPECT_EQ(last.at("per_second").at("enqueued"), 0.0);
}

TEST_F(CliStatsTest, StatsWatchRedrawsATerminalAndEndsWellOnCtrlC) {
  enqueue("mail", 1);
  Terminal terminal({"stats", "--watch", "--interval", "100ms"}, environment);
  ASSERT_TRUE(terminal.shows("\x1b[?25l"));
  ASSERT_TRUE(terminal.shows("mail"));
  enqueue("later", 1);
  ASSERT_TRUE(terminal.shows("later"));
  terminal.interrupt();
  EXPECT_EQ(terminal.end(), 0);
  EXPECT_THAT(terminal.shown(), HasSubstr("\x1b[?25h"));
}

TEST_F(CliStatsTest, StatsWatchOutlivesARestartOfRedis) {
  PrivateRedis other({.fsync = Fsync::always});
  environment[0] = "FERRY_REDIS=" + other.url();
  ASSERT_EQ(ferry({"setup"}).exit_code, 0);
  enqueue("mail", 1);
  Terminal terminal({"stats", "mail", "--watch", "--interval", "100ms"}, environment);
  ASSERT_TRUE(terminal.shows("mail"));
  other.kill();
  ASSERT_TRUE(terminal.shows("trying again"));
  other.start();
  enqueue("mail", 98);
  ASSERT_TRUE(terminal.shows("99"));
  terminal.interrupt();
  EXPECT_EQ(terminal.end(), 0);
}

}  // namespace
}  // namespace ferry::test
