// What is wrong with one queue, key, name or right gives that queue a row that says so, and hides
// no other: `queue ls`, `stats`, `stats --watch`, `queue show`, audits. And `queue forget`.

#include <algorithm>

#include "ferry/setup.hpp"
#include "support/cli_test.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class CliIsolationTest : public CliTest {
 protected:
  /// Everything that looks at several queues.
  std::vector<Words> looks() const {
    return {{"queue", "ls"},
            {"stats"},
            {"stats", "sound", "wrong", "also"},
            {"stats", "--watch", "--interval", "100ms", "--looks", "2"},
            {"queue", "show", "sound", "wrong", "also"},
            {"queue", "show", "wrong", "sound", "also", "--audit"}};
  }

  /// Returns: what was told of each queue, by name; of a watch the last look.
  static std::map<std::string, json> rows_of(const Ended& ended) {
    std::map<std::string, json> rows;
    for (const std::string& line : lines_of(ended.out)) {
      const json value = json::parse(line);
      if (!value.contains("queues")) rows[value.at("name")] = value;
      if (!value.contains("queues")) continue;
      for (const json& row : value.at("queues")) rows[row.at("name")] = row;
    }
    return rows;
  }

  /// Looks in every way; `wrong` must be told as such with the key, the others as they are.
  void expect_one_is_wrong(const std::string& key, const std::string& words) {
    for (Words look : looks()) {
      SCOPED_TRACE(testing::PrintToString(look));
      const Ended text = ferry(look);
      EXPECT_EQ(text.exit_code, 1) << text.err;
      EXPECT_THAT(text.out, AllOf(HasSubstr("sound"), HasSubstr("also"), HasSubstr(key),
                                  HasSubstr(words), Not(HasSubstr("\x1b"))));
      look.insert(look.end(), {"--output", "json"});
      const Ended ended = ferry(look);
      EXPECT_EQ(ended.exit_code, 1);
      const auto rows = rows_of(ended);
      ASSERT_EQ(rows.size(), 3U) << ended.out;
      for (const char* name : {"sound", "also"}) {
        EXPECT_FALSE(rows.at(name).contains("error")) << ended.out;
        EXPECT_EQ(rows.at(name).value("balanced", true), true);
      }
      const json& wrong = rows.at("wrong");
      if (wrong.contains("violations")) {
        EXPECT_THAT(wrong.at("violations").dump(), AllOf(HasSubstr(key), HasSubstr(words)));
      } else {
        ASSERT_TRUE(wrong.contains("error")) << ended.out;
        EXPECT_THAT(std::string(wrong.at("error").at("message")),
                    AllOf(HasSubstr(key), HasSubstr(words)));
      }
      if (look[0] == "stats" || look[1] == "ls") {
        EXPECT_EQ(wrong.at("error").at("key"), key) << ended.out;
      }
    }
  }

  std::vector<std::string> keys_of(const Keys& keys) const {
    return {keys.state,  keys.control, keys.producers, keys.workers,  keys.progress, keys.due,
            keys.parked, keys.dead,    keys.ready[0],  keys.ready[1], keys.ready[2]};
  }

  void make_queues() {
    for (const char* name : {"sound", "wrong", "also"}) enqueue(name, 2);
  }

  json forget(const Words& words) {
    Words all{"queue", "forget"};
    all.insert(all.end(), words.begin(), words.end());
    return ask(all);
  }
};

TEST_F(CliIsolationTest, AKeyOfAnotherTypeGivesItsQueueARow) {
  make_queues();
  int turn = 0;
  for (const std::string& key : keys_of(Keys("ferry", "wrong"))) {
    connection->call({"DEL", key});
    const Words other[] = {
        {"SET", key, "x"}, {"RPUSH", key, "x"}, {"SADD", key, "x"}, {"PFADD", key, "x"}};
    const Words& words = other[static_cast<std::size_t>(turn++) % std::size(other)];
    connection->call(std::vector<std::string_view>(words.begin(), words.end()));
    SCOPED_TRACE(key + " is made by " + words[0]);
    expect_one_is_wrong(key, "WRONGTYPE");
    connection->call({"DEL", key});
  }
}

TEST_F(CliIsolationTest, ACounterThatIsNoneGivesItsQueueARow) {
  make_queues();
  const Keys keys("ferry", "wrong");
  for (const char* value : {"abc", "1e400", "\x1b[2J"}) {
    connection->call({"HSET", keys.state, "done", value});
    expect_one_is_wrong(keys.state, "done is ");
  }
}

TEST_F(CliIsolationTest, AWithdrawnRightGivesItsQueueARow) {
  make_queues();
  const Keys keys("ferry", "wrong");
  lease(keys);
  enqueue("wrong", 1);
  const std::string base = "~" + keys.base;
  struct Case {
    std::string rule;  ///< what is left of the rights to the queue
    std::string key;
  };
  const std::string reading =
      "+fcall_ro +hget +hmget +hlen +hstrlen +xlen +xpending +xinfo|groups +xrange +zcard +zrange";
  std::vector<Case> cases{{"", keys.base + "*"},
                          {"(" + reading + " -fcall_ro %R" + base + "*)", "ferry_v1_books"}};
  for (const std::string& key : keys_of(keys)) {
    std::string rest = "(" + reading;
    for (const std::string& other : keys_of(keys)) {
      if (other != key) rest += " %R~" + other;
    }
    cases.push_back({rest + ")", key});
  }
  for (const auto& [command, key] :
       std::map<std::string, std::string>{{"hmget", keys.state},
                                          {"hlen", keys.parked},
                                          {"zcard", keys.due},
                                          {"xlen", keys.ready[0]},
                                          {"xpending", keys.ready[1]},
                                          {"xinfo|groups", keys.ready[1]},
                                          {"xrange", keys.ready[1]},
                                          {"hget", keys.control}}) {
    cases.push_back({"(" + reading + " -" + command + " %R" + base + "*)", key});
  }
  environment[0] = "FERRY_REDIS=unix://viewer@" + server().socket_path();
  environment.push_back("FERRY_REDIS_PASSWORD=secret");
  for (const Case& one : cases) {
    SCOPED_TRACE(one.rule);
    std::vector<std::string_view> words{"ACL",
                                        "SETUSER",
                                        "viewer",
                                        "reset",
                                        "on",
                                        ">secret",
                                        "+fcall",
                                        "+time",
                                        "+ping",
                                        "+client|setname",
                                        "+@read",
                                        "+fcall_ro",
                                        "%R~ferry:{sound:0}:*",
                                        "%R~ferry:{also:0}:*",
                                        "%R~ferry:queues"};
    // Commands on the wrong queue's keys come from the rule alone.
    if (!one.rule.empty()) words.push_back(one.rule);
    connection->call(words);
    for (const Words& look :
         {Words{"queue", "ls"}, Words{"stats"}, Words{"queue", "show", "wrong", "sound", "also"}}) {
      Words as_json = look;
      as_json.insert(as_json.end(), {"--output", "json"});
      const Ended ended = ferry(as_json);
      EXPECT_EQ(ended.exit_code, 1) << ended.err;
      const auto rows = rows_of(ended);
      ASSERT_EQ(rows.size(), 3U) << ended.out << ended.err;
      EXPECT_EQ(rows.at("sound").at("waiting"), 2);
      EXPECT_EQ(rows.at("also").at("waiting"), 2);
      const std::string message = rows.at("wrong").at("error").at("message");
      EXPECT_THAT(message, testing::AnyOf(HasSubstr("NOPERM"), HasSubstr("The user executing")));
      EXPECT_THAT(message, HasSubstr(one.key));
      EXPECT_EQ(rows.at("wrong").at("error").at("code"), "denied");
    }
  }
  connection->call({"ACL", "DELUSER", "viewer"});
}

TEST_F(CliIsolationTest, AnOddNameGivesARowAndCanBeForgotten) {
  make_queues();
  const std::vector<std::string> odd{"",
                                     " ",
                                     "two words",
                                     "line\nbreak",
                                     std::string(10'000, 'n'),
                                     "\xff\xfe\x80",
                                     "\x1b[31mred\x1b[2J",
                                     std::string("nul\0byte", 8),
                                     "{brace}",
                                     "a:b",
                                     std::string(65, 'x'),
                                     "../.."};
  for (const std::string& name : odd) connection->call({"SADD", "ferry:queues", name});
  connection->call({"SADD", "ferry:queues", "without.any-key"});
  for (const Words& look : {Words{"queue", "ls"}, Words{"stats"}}) {
    const Ended text = ferry(look);
    EXPECT_EQ(text.exit_code, 1);
    EXPECT_THAT(text.out, AllOf(HasSubstr("sound"), HasSubstr("without.any-key"),
                                HasSubstr("\\x1b[31mred"), HasSubstr("its name is none of Ferry's"),
                                HasSubstr("ferry queue forget --hex"), Not(HasSubstr("\x1b"))));
    EXPECT_LT(text.out.size(), 10'000U);
    Words as_json = look;
    as_json.insert(as_json.end(), {"--output", "json"});
    const json rows = json::parse(ferry(as_json).out).at("queues");
    EXPECT_EQ(rows.size(), odd.size() + 4);
    EXPECT_EQ(std::ranges::count_if(rows, [](const json& row) { return row.contains("error"); }),
              static_cast<std::ptrdiff_t>(odd.size()));
  }
  std::size_t forgotten = 0;
  const json listed = ferry({"queue", "ls", "--output", "json"}).value();
  for (const json& row : listed.at("queues")) {
    if (!row.contains("name_hex")) continue;
    const std::string hex = row.at("name_hex");
    EXPECT_EQ(ferry({"queue", "forget", "--hex", "--", hex}).exit_code, 0) << hex;
    ++forgotten;
  }
  EXPECT_EQ(forgotten, odd.size());
  EXPECT_EQ(ferry({"queue", "ls"}).exit_code, 0);
  // As typed, too.
  connection->call({"SADD", "ferry:queues", "two words", ""});
  EXPECT_EQ(ferry({"queue", "forget", "two words"}).exit_code, 0);
  EXPECT_EQ(ferry({"queue", "forget", ""}).exit_code, 0);
  EXPECT_EQ(ferry({"queue", "forget", "two words"}).exit_code, 1) << "gone already";
  EXPECT_EQ(ferry({"queue", "forget", "--hex", "4g"}).exit_code, 2);
  EXPECT_EQ(forget({"without.any-key"}).at("keys_removed"), 0);
  EXPECT_EQ(Queue::list(options()), (std::vector<std::string>{"also", "sound", "wrong"}));
}

TEST_F(CliIsolationTest, ASetOfNamesThatIsNoneStopsNoQueueThatIsNamed) {
  make_queues();
  connection->call({"DEL", "ferry:queues"});
  connection->call({"SET", "ferry:queues", "x"});
  for (const Words& look : {Words{"queue", "ls"}, Words{"stats"}}) {
    const Ended ended = ferry(look);
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_THAT(ended.err, AllOf(HasSubstr("key ferry:queues"), HasSubstr("WRONGTYPE")));
  }
  for (const Words& look :
       {Words{"stats", "sound"}, Words{"queue", "show", "sound"}, Words{"dead", "ls", "sound"},
        Words{"queue", "pause", "sound"}, Words{"dead", "retry", "sound", "--all"}}) {
    const Ended ended = ferry(look);
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    EXPECT_THAT(ended.err, AllOf(StartsWith("ferry: warning: "), HasSubstr("key ferry:queues")));
  }
  enqueue("sound", 1);
  EXPECT_EQ(Queue(options(), "sound").counts().waiting, 3);
}

TEST_F(CliIsolationTest, AWatchGoesOnWhenTheSetOfNamesCannotBeReadAnyMore) {
  make_queues();
  Terminal terminal({"stats", "--watch", "--interval", "100ms"}, environment);
  ASSERT_TRUE(terminal.shows("sound"));
  connection->call({"DEL", "ferry:queues"});
  connection->call({"SET", "ferry:queues", "x"});
  ASSERT_TRUE(terminal.shows("WRONGTYPE"));
  enqueue("sound", 95);
  ASSERT_TRUE(terminal.shows("97")) << "it looks at the queues it knew";
  terminal.interrupt();
  EXPECT_EQ(terminal.end(), 1);
}

TEST_F(CliIsolationTest, ManyNamesAreListedUpToALimit) {
  enqueue("sound", 2);
  for (int i = 0; i < 20; ++i) {
    std::vector<std::string> names;
    for (int n = 0; n < 1000; ++n) names.push_back("queue" + std::to_string(1000 * i + n));
    std::vector<std::string_view> words{"SADD", "ferry:queues"};
    words.insert(words.end(), names.begin(), names.end());
    connection->call(words);
  }
  connection->call({"CONFIG", "RESETSTAT"});
  const json listed = ask({"queue", "ls", "--limit", "30"});
  EXPECT_EQ(listed.at("queues").size(), 30U);
  EXPECT_EQ(listed.at("more"), 19'971);
  EXPECT_THAT(ferry({"stats", "--limit", "5"}).out, HasSubstr("… and 19,996 more queues"));
  EXPECT_EQ(ask({"queue", "ls"}).at("queues").size(), 1000U);
  EXPECT_EQ(ask({"queue", "show", "sound"}).at("waiting"), 2);
  const std::string stats(connection->call({"INFO", "commandstats"})->root().text);
  EXPECT_THAT(stats, AllOf(Not(HasSubstr("smembers")), HasSubstr("cmdstat_sscan:calls=")));
  EXPECT_EQ(Queue::list(options()).size(), 20'001U);
  connection->call({"DEL", "ferry:queues"});
}

TEST_F(CliIsolationTest, ForgetsAQueueThatIsEmptyAndSaysWhyNotOfAnother) {
  const Keys keys("ferry", "mail");
  enqueue("mail", 3);
  Ended refused = ferry({"queue", "forget", "mail"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("1 envelopes wait or are leased"),
                                 HasSubstr("`ferry queue purge mail`")));
  kill_one("mail", "no");
  refused = ferry({"queue", "forget", "mail"});
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("1 dead letters: `ferry dead drop mail --all`"),
                    HasSubstr("1 workers gave a sign of life"), HasSubstr("nothing was removed")));
  EXPECT_EQ(Queue(options(), "mail").counts().dead, 1);

  connection->call({"DEL", keys.workers});
  fcall("release", {keys.state, keys.workers, keys.progress, keys.ready[1]}, {"w"});
  ASSERT_EQ(ferry({"dead", "drop", "mail", "--all", "--yes"}).exit_code, 0);
  connection->call({"XGROUP", "DESTROY", keys.ready[1], group_name});
  ASSERT_EQ(ferry({"queue", "purge", "mail", "--yes"}).exit_code, 0);
  const json done = forget({"mail"});
  EXPECT_EQ(done.at("forgotten"), true);
  EXPECT_EQ(done.at("producers_kept"), 1) << "ferry enqueue, a moment ago";
  EXPECT_TRUE(Queue::list(options()).empty());
  const auto left = connection->call({"KEYS", "*"});
  ASSERT_EQ(left->root().size, 1U);
  EXPECT_EQ(left->root()[0].text, keys.producers);
  EXPECT_EQ(ferry({"queue", "forget", "mail"}).exit_code, 1) << "there is nothing any more";
  enqueue("mail", 1);
  EXPECT_EQ(ask({"queue", "show", "mail"}).at("waiting"), 1);
}

TEST_F(CliIsolationTest, ForgettingIsForOperators) {
  enqueue("mail", 1);
  ASSERT_EQ(ferry({"queue", "purge", "mail", "--yes"}).exit_code, 0);
  const std::string url = "FERRY_REDIS=unix://";
  const std::string as_is = environment[0];
  for (const char* role : {"producer", "worker", "viewer", "admin"}) {
    set_access(options(), {.name = role, .role = parse_role(role).value()}, "secret");
    environment = {url + role + "@" + server().socket_path(), "FERRY_REDIS_PASSWORD=secret"};
    const Ended ended = ferry({"queue", "forget", "mail"});
    EXPECT_EQ(ended.exit_code, std::string_view(role) == "admin" ? 0 : 4) << role << ended.err;
  }
  EXPECT_TRUE(Queue::list(options()).empty());
  for (const char* role : {"producer", "worker", "viewer", "admin"}) {
    connection->call({"ACL", "DELUSER", role});
  }
}

}  // namespace
}  // namespace ferry::test
