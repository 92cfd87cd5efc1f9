// `ferry dead retry` and `drop`: which letters, and what is told of those that stay.
#include <set>

#include "support/cli_test.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using CliDeadTest = CliTest;

TEST_F(CliDeadTest, FindsRetriesAndDropsDeadLettersByKindAndReason) {
  const std::string lines = R"({"kind": "mail", "payload": 1}
{"kind": "note", "payload": 2}
{"kind": "mail", "payload": 3}
{"kind": "mail", "payload": 4}
)";
  std::vector<std::string> ids;
  const std::string long_reason = "declined: " + std::string(300, 'x');
  for (const std::string& line : lines_of(lines)) {
    ASSERT_EQ(ferry({"enqueue", "mixed"}, line + "\n").exit_code, 0);
    ids.push_back(kill_one("mixed", ids.size() < 2 ? "busy" : long_reason));
  }
  EXPECT_EQ(ask({"dead", "ls", "mixed", "--kind", "mail"}).at("jobs").size(), 3U);
  const json found = ask({"dead", "ls", "mixed", "--kind", "mail", "--reason", "declined"});
  EXPECT_EQ(found.at("filter"), json::parse(R"({"kind": "mail", "text": "declined"})"));
  ASSERT_EQ(found.at("jobs").size(), 2U);
  EXPECT_EQ(found.at("jobs").at(0).at("id"), ids[2]);
  // Page by page, each once, and the command that goes on keeps the filter.
  std::set<std::string> seen;
  std::string from;
  do {
    Words words{"dead", "ls", "mixed", "--kind", "mail", "--limit", "1"};
    if (!from.empty()) words.insert(words.end(), {"--from", from});
    const json page = ask(words);
    ASSERT_EQ(page.at("jobs").size(), 1U);
    EXPECT_TRUE(seen.insert(page.at("jobs").at(0).at("id")).second);
    from = page.at("next");
  } while (!from.empty());
  EXPECT_EQ(seen, (std::set<std::string>{ids[0], ids[2], ids[3]}));
  EXPECT_THAT(ferry({"dead", "ls", "mixed", "--kind", "mail", "--limit", "1"}).out,
              HasSubstr("More: ferry dead ls mixed --kind 'mail' --limit 1 --from "));
  EXPECT_THAT(ferry({"dead", "ls", "mixed"}).out, HasSubstr(long_reason)) << "whole in a pipe";
  Terminal terminal({"dead", "ls", "mixed"}, environment);
  EXPECT_TRUE(terminal.shows("declined: xxx"));
  terminal.end();
  EXPECT_THAT(terminal.shown(), Not(HasSubstr(long_reason)));

  EXPECT_EQ(ferry({"dead", "retry", "mixed", "--kind", ""}).exit_code, 2);
  EXPECT_EQ(ferry({"dead", "retry", "mixed", ids[0], "--kind", "mail"}).exit_code, 2);
  EXPECT_EQ(ferry({"dead", "drop", "mixed", "--kind", "mail"}).exit_code, 2) << "nobody to ask";
  EXPECT_EQ(ask({"dead", "retry", "mixed", "--kind", "mail", "--reason", "busy"}).at("retried"), 1);
  EXPECT_EQ(ask({"dead", "drop", "mixed", "--reason", "declined", "--yes"}).at("dropped"), 2);
  EXPECT_EQ(ask({"queue", "show", "mixed"}).at("dead"), 1);
  EXPECT_THAT(ferry({"dead", "retry", "mixed", "--kind", "mail"}).out,
              StartsWith("No dead letters of kind mail in queue mixed."));
}

TEST_F(CliDeadTest, SaysExactlyHowManyDeadLettersStayAndWhy) {
  for (int i = 0; i < 30; ++i) {
    const bool late = i % 2 == 0;
    enqueue("late", 1);
    const std::string id = kill_one("late", "no");
    if (!late) continue;
    const Keys keys("ferry", "late");
    std::string name = "1:" + id;
    std::erase(name, '-');
    wire::StoredEnvelope letter;
    const std::string bytes(connection->call({"HGET", keys.parked, name})->root().text);
    ASSERT_EQ(wire::decode(bytes, letter), "");
    wire::EnvelopeWriter writer(letter.jobs[0].id);
    const wire::Extras extras{.expires_at_ms = 1'700'000'000'000};
    writer.add_moved(letter.jobs[0], &extras);
    connection->call({"HSET", keys.parked, name, writer.finish(0, letter.death)});
  }
  const Ended people = ferry({"dead", "retry", "late", "--all"});
  EXPECT_EQ(people.exit_code, 1);
  EXPECT_THAT(people.out, StartsWith("Put 15 dead letters back into queue late"));
  EXPECT_THAT(people.err, AllOf(HasSubstr("(mail) stays dead: its time has passed"),
                                HasSubstr("in all 15 dead letters stay: its time has passed"),
                                HasSubstr("15 dead letters of queue late could not be put back; "
                                          "--ignore-expiry puts back those whose time")));
  const Ended programs = ferry({"dead", "retry", "late", "--all", "--output", "json"});
  EXPECT_EQ(programs.exit_code, 1);
  const json told = programs.value();
  EXPECT_EQ(told.at("retried"), 0);
  EXPECT_EQ(told.at("left"), 15);
  EXPECT_EQ(told.at("left_jobs"), 15);
  EXPECT_EQ(told.at("reasons").size(), 1U);
  EXPECT_EQ(told.at("reasons").at(0).at("letters"), 15);
  EXPECT_EQ(told.at("left_letters").at(0).at("kinds"), json::parse(R"(["mail"])"));
  EXPECT_EQ(ask({"dead", "retry", "late", "--all", "--ignore-expiry"}).at("retried"), 15);
}

TEST_F(CliDeadTest, SaysWhichDeadLettersStayAndWhy) {
  const Keys keys("ferry", "mail");
  for (int i = 0; i < 2; ++i) enqueue("mail", 1);
  kill_one("mail", "no");
  const std::string id = kill_one("mail", "no");
  std::string name = "1:" + id;
  std::erase(name, '-');
  connection->call({"HSET", keys.parked, name, "gar\x1b[2Jbage"});
  const Ended retried = ferry({"dead", "retry", "mail", "--all"});
  EXPECT_EQ(retried.exit_code, 1);
  EXPECT_THAT(retried.out, StartsWith("Put 1 dead letter back into queue mail"));
  EXPECT_THAT(retried.err, AllOf(HasSubstr("warning: " + id + " stays dead: it cannot be read"),
                                 HasSubstr("1 dead letter of queue mail could not be put back"),
                                 Not(HasSubstr("\x1b"))));
  const Ended by_id = ferry({"dead", "retry", "mail", id, "--output", "json"});
  EXPECT_EQ(by_id.exit_code, 1);
  EXPECT_EQ(by_id.value().at("left_letters").at(0).at("id"), id);
  EXPECT_EQ(by_id.value().at("not_found"), 0);
  EXPECT_THAT(ferry({"dead", "ls", "mail"}).out, AllOf(HasSubstr(id), HasSubstr("(undecodable)")));
  EXPECT_EQ(ask({"dead", "drop", "mail", id}).at("dropped"), 1);
  EXPECT_THAT(ferry({"dead", "ls", "mail"}).out, HasSubstr("No dead letters"));
}

TEST_F(CliDeadTest, RetriesAndDropsDeadLetters) {
  for (int i = 0; i < 5; ++i) enqueue("mail", 1);
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(kill_one("mail", "no"));
  EXPECT_EQ(ask({"dead", "retry", "mail", ids[0]}).at("retried"), 1);
  EXPECT_EQ(ask({"dead", "drop", "mail", ids[1]}).at("dropped"), 1);

  const Ended again = ferry({"dead", "retry", "mail", ids[0], ids[2]});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.out, HasSubstr("Put 1 dead letter back"));
  EXPECT_THAT(again.err, HasSubstr("1 of 2 IDs are not dead letters"));
  EXPECT_EQ(ferry({"dead", "show", "mail", ids[0]}).exit_code, 1);
  EXPECT_EQ(ferry({"dead", "show", "mail", "42"}).exit_code, 2);
  EXPECT_EQ(ferry({"dead", "retry", "mail", "42"}).exit_code, 2);
  EXPECT_EQ(ferry({"dead", "retry", "mail", ids[3], "--all"}).exit_code, 2);

  EXPECT_EQ(ferry({"dead", "drop", "mail", "--all"}).exit_code, 2);
  EXPECT_EQ(Queue(options(), "mail").counts().dead, 2);
  EXPECT_EQ(ask({"dead", "retry", "mail", "--all"}).at("retried"), 2);
  kill_one("mail", "no");
  EXPECT_EQ(ask({"dead", "drop", "mail", "--all", "--yes"}).at("dropped"), 1);
  const QueueCounts counts = Queue(options(), "mail").counts();
  EXPECT_EQ(counts.dead, 0);
  EXPECT_EQ(counts.cancelled, 2);
  EXPECT_TRUE(ask({"queue", "show", "mail", "--audit"}).at("balanced").get<bool>());
}

}  // namespace
}  // namespace ferry::test
