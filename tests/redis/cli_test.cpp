#include "support/cli_test.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST_F(CliTest, AnEmptyValueTakesNoOtherWord) {
  for (const char* option : {"--kind=", "--reason="}) {
    const auto refused = ferry({"dead", "drop", "mail", option, "word", "--yes"});
    EXPECT_EQ(refused.exit_code, 2) << option;
    EXPECT_THAT(refused.err, testing::HasSubstr("expected a value behind ="));
  }
}

TEST_F(CliTest, HelpNamesEveryNounAndExitCode) {
  const Ended help = ferry({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* text : {"setup", "queue", "dead", "enqueue", "stats", "doctor",
                           "Examples:", "Exit codes:", "FERRY_REDIS_PASSWORD"}) {
    EXPECT_THAT(help.out, HasSubstr(text));
  }
  EXPECT_THAT(ferry({"--version"}).out, StartsWith("ferry "));
}

TEST_F(CliTest, EveryVerbHasHelp) {
  for (const Words& words : std::vector<Words>{{"setup"},
                                               {"doctor"},
                                               {"stats"},
                                               {"enqueue"},
                                               {"queue"},
                                               {"queue", "ls"},
                                               {"queue", "show"},
                                               {"queue", "purge"},
                                               {"dead", "ls"},
                                               {"dead", "retry"},
                                               {"dead", "drop"}}) {
    Words all = words;
    all.emplace_back("--help");
    const Ended help = ferry(all);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, HasSubstr("Usage: ferry " + words.front()));
  }
}

TEST_F(CliTest, BadUsageExitsWithTwoAndSaysWhereHelpIs) {
  const std::vector<std::pair<Words, const char*>> bad{
      {{"quue"}, "\"quue\" is no noun of `ferry`"},
      {{"queue"}, "the verb is missing; see `ferry queue --help`"},
      {{"queue", "rm"}, "\"rm\" is no verb of `ferry queue`"},
      {{"queue", "show"}, "NAME is required"},
      {{"queue", "show", "a", "--jobs", "lost"}, "lost not in"},
      {{"queue", "show", "a", "--limit", "5"}, "--limit requires --jobs"},
      {{"queue", "ls", "--output", "xml"}, "xml not in"},
      {{"queue", "ls", "more"}, "more"},
      {{"stats", "--watch", "--interval", "5"}, "--interval is \"5\"; expected a duration"},
      {{"enqueue", "a", "--timeout", "x"}, "--timeout is \"x\""},
      {{"enqueue", "a", "--file", "/does/not/exist"}, "cannot be opened"},
      {{"dead", "retry", "a"}, "give IDs or --all"},
      {{"queue", "ls", "--redis", "nonsense"}, "url: scheme is missing"},
      {{"queue", "ls", "--redis", "rediss://host"}, "TLS"},
      {{"queue", "ls", "--prefix", "a b"}, "prefix is \"a b\""},
      {{"queue", "ls", "--password-file", "/does/not/exist"}, "--password-file /does/not/exist"},
      {{"queue", "ls", "--password-file", "/dev/zero"}, "a first line of more than 2048 bytes"}};
  for (const auto& [words, message] : bad) {
    const Ended ended = ferry(words);
    EXPECT_EQ(ended.exit_code, 2) << ended.err;
    EXPECT_THAT(ended.err, AllOf(StartsWith("ferry: "), HasSubstr(message)));
    EXPECT_EQ(lines_of(ended.err).size(), 1U) << ended.err;
    EXPECT_THAT(ended.out, IsEmpty());
  }
  EXPECT_EQ(ferry({}).exit_code, 2);
}

TEST_F(CliTest, ErrorsAreJsonWhenOutputIs) {
  const json usage = ferry({"queue", "rm", "--output", "json"}).error();
  EXPECT_EQ(usage.at("exit_code"), 2);
  const json missing = ferry({"--output=json", "queue", "show", "nope"}).error();
  EXPECT_EQ(missing.at("exit_code"), 1);
  EXPECT_THAT(missing.at("message").get<std::string>(), HasSubstr("\"nope\" was never used"));
}

TEST_F(CliTest, AnUnreachableRedisExitsWithThree) {
  const std::string nowhere = "unix:///does/not/exist.sock";
  for (const Words& words : std::vector<Words>{{"setup"},
                                               {"queue", "ls"},
                                               {"stats"},
                                               {"stats", "--watch"},
                                               {"enqueue", "mail"},
                                               {"dead", "ls", "mail"}}) {
    Words all = words;
    all.insert(all.end(), {"--redis", nowhere});
    const Ended ended = ferry(all, R"({"kind": "a", "payload": 1})");
    EXPECT_EQ(ended.exit_code, 3) << words.front() << ' ' << ended.err;
    EXPECT_THAT(ended.err, AllOf(StartsWith("ferry: "), HasSubstr("cannot connect")));
  }
  const Ended checked = ferry({"doctor", "--redis", nowhere});
  EXPECT_EQ(checked.exit_code, 3);
  EXPECT_THAT(checked.out, HasSubstr("failed"));
}

TEST_F(CliTest, ARefusedPasswordExitsWithFourAndIsNeverShown) {
  const PrivateRedis locked({.arguments = {"--requirepass", "the/right@one"}});
  environment[0] = "FERRY_REDIS=" + locked.url();
  EXPECT_EQ(ferry({"queue", "ls"}).exit_code, 4);

  environment.emplace_back("FERRY_REDIS_PASSWORD=hunter2");
  std::string in_url = locked.url();
  in_url.insert(in_url.find("://") + 3, ":hunter2@");
  for (const Words& words : std::vector<Words>{{"queue", "ls"},
                                               {"doctor"},
                                               {"setup", "--output", "json"},
                                               {"queue", "ls", "--redis", in_url},
                                               {"queue", "ls", in_url},
                                               {"stats", in_url},
                                               {"queue", "ls", "--redis", in_url + "?x=y"},
                                               {"enqueue", "mail"}}) {
    const Ended ended = ferry(words, R"({"kind": "a", "payload": 1})");
    EXPECT_NE(ended.exit_code, 0);
    EXPECT_THAT(ended.out + ended.err, Not(HasSubstr("hunter2")));
  }
  EXPECT_EQ(ferry({"queue", "ls"}).exit_code, 4);
  environment.back() = "FERRY_REDIS_PASSWORD=the/right@one";
  EXPECT_EQ(ferry({"queue", "ls"}).exit_code, 0);
}

TEST_F(CliTest, APasswordFileIsReadAndAPasswordInTheArgumentsIsRefused) {
  const PrivateRedis locked({.arguments = {"--requirepass", "hunter2"}});
  environment[0] = "FERRY_REDIS=" + locked.url();
  const Memory file("hunter2\n");
  const std::string path =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file.descriptor());
  EXPECT_EQ(ferry({"setup", "--password-file", path}).exit_code, 0);

  std::string url = locked.url();
  url.insert(url.find("://") + 3, ":hunter2@");
  const Ended refused = ferry({"setup", "--redis", url});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("the password in --redis can be seen"));
  EXPECT_THAT(refused.out + refused.err, Not(HasSubstr("hunter2")));

  environment.emplace_back("FERRY_REDIS_PASSWORD=wrong");
  EXPECT_EQ(ferry({"setup"}).exit_code, 4);
  environment.emplace_back("FERRY_REDIS_PASSWORD_FILE=" + path);
  EXPECT_EQ(ferry({"setup"}).exit_code, 0) << "the file goes first";
  environment.back() = "FERRY_REDIS_PASSWORD_FILE=/does/not/exist";
  EXPECT_THAT(ferry({"setup"}).err, HasSubstr("FERRY_REDIS_PASSWORD_FILE /does/not/exist"));
}

TEST_F(CliTest, MissingRightsExitWithFour) {
  connection->call({"ACL", "SETUSER", "reader", "on", ">pw", "~*", "+ping", "+hello"});
  environment.emplace_back("FERRY_REDIS_PASSWORD=pw");
  std::string url = server().url();
  url.insert(url.find("://") + 3, "reader@");
  const Ended ended = ferry({"queue", "ls", "--redis", url});
  EXPECT_EQ(ended.exit_code, 4);
  EXPECT_THAT(ended.err, HasSubstr("NOPERM"));
}

TEST_F(CliTest, SetupSaysWhatItDid) {
  EXPECT_THAT(ferry({"setup"}).out, HasSubstr("already"));
  EXPECT_FALSE(ask({"setup"}).at("installed").get<bool>());
  connection->call({"FUNCTION", "FLUSH"});
  EXPECT_TRUE(ask({"setup"}).at("installed").get<bool>());
}

TEST_F(CliTest, DoctorFailsOnAServerThatEvicts) {
  const Ended well = ferry({"doctor"});
  EXPECT_EQ(well.exit_code, 0) << well.out;
  EXPECT_THAT(well.out, HasSubstr("0 failed"));
  connection->call({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  const Ended ill = ferry({"doctor"});
  const Ended ill_json = ferry({"doctor", "--output", "json"});
  connection->call({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  EXPECT_EQ(ill.exit_code, 1);
  EXPECT_THAT(ill.out, AllOf(HasSubstr("failed"), HasSubstr("allkeys-lru"), HasSubstr("→")));
  EXPECT_EQ(ill_json.exit_code, 1);
  EXPECT_FALSE(ill_json.value().at("healthy").get<bool>());
}

TEST_F(CliTest, DoctorSaysWhatACrashOfTheServerLosesAndWhatToDo) {
  connection->call({"CONFIG", "SET", "appendonly", "yes"});
  connection->call({"CONFIG", "SET", "tcp-keepalive", "0"});
  const Ended told = ferry({"doctor"});
  connection->call({"CONFIG", "SET", "tcp-keepalive", "300"});
  connection->call({"CONFIG", "SET", "appendonly", "no"});
  EXPECT_EQ(told.exit_code, 0) << "warnings alone are no failure";
  EXPECT_THAT(told.out, AllOf(HasSubstr("the last second or two"), HasSubstr("aof-load-truncated"),
                              HasSubstr("→ run `redis-check-aof --fix` before each start"),
                              HasSubstr("tcp-keepalive 0"), HasSubstr("min-replicas-to-write 0")));
}

TEST_F(CliTest, ColoursOnlyATerminalThatWantsThem) {
  enqueue("mail", 1);
  EXPECT_THAT(ferry({"queue", "ls"}).out, Not(HasSubstr("\x1b[")));
  Terminal coloured({"queue", "ls"}, environment);
  EXPECT_EQ(coloured.end(), 0);
  EXPECT_THAT(coloured.shown(), HasSubstr("\x1b[1mQUEUE"));
  Terminal flagged({"queue", "ls", "--no-color"}, environment);
  EXPECT_EQ(flagged.end(), 0);
  EXPECT_THAT(flagged.shown(), Not(HasSubstr("\x1b[")));
  environment.emplace_back("NO_COLOR=1");
  Terminal asked({"queue", "ls"}, environment);
  EXPECT_EQ(asked.end(), 0);
  EXPECT_THAT(asked.shown(), AllOf(HasSubstr("QUEUE"), Not(HasSubstr("\x1b["))));
}

}  // namespace
}  // namespace ferry::test
