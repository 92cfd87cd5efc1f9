#include <set>

#include "support/cli_test.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using CliQueueTest = CliTest;

TEST_F(CliQueueTest, ListsQueuesWithTheirCounts) {
  EXPECT_THAT(ferry({"queue", "ls"}).out, HasSubstr("No queue was ever used"));
  EXPECT_TRUE(ask({"queue", "ls"}).at("queues").empty());
  enqueue("mail", 1200);
  enqueue("files", 2, R"(, "run_after": "1h")");
  const json queues = ask({"queue", "ls"}).at("queues");
  ASSERT_EQ(queues.size(), 2U);
  EXPECT_EQ(queues[0].at("name"), "files");
  EXPECT_EQ(queues[0].at("delayed"), 2);
  EXPECT_EQ(queues[1].at("waiting"), 1200);
  const auto lines = lines_of(ferry({"queue", "ls"}).out);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[0], StartsWith("QUEUE  WAITING"));
  EXPECT_THAT(lines[2], StartsWith("mail     1,200"));
}

TEST_F(CliQueueTest, ShowsOneQueue) {
  enqueue("mail", 3);
  const json shown = ask({"queue", "show", "mail"});
  EXPECT_EQ(shown.at("waiting"), 3);
  EXPECT_EQ(shown.at("accepted"), 3);
  EXPECT_GT(shown.at("bytes"), 0);
  EXPECT_THAT(ferry({"queue", "show", "mail"}).out,
              AllOf(HasSubstr("Queue mail"), HasSubstr("waiting"), HasSubstr("the oldest for"),
                    HasSubstr("Not kept in Redis")));
}

TEST_F(CliQueueTest, AQueueThatWasNeverUsedIsAnErrorAndABadNameIsUsage) {
  for (const Words& words : std::vector<Words>{{"queue", "show", "nope"},
                                               {"queue", "resume", "nope"},
                                               {"queue", "purge", "nope", "--yes"},
                                               {"dead", "ls", "nope"},
                                               {"stats", "nope"}}) {
    const Ended ended = ferry(words);
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_THAT(ended.err, HasSubstr("queue \"nope\" was never used"));
  }
  EXPECT_TRUE(Queue::list(options()).empty());
  for (const Words& words : std::vector<Words>{{"queue", "show", "a b"}, {"enqueue", "a{b"}}) {
    const Ended ended = ferry(words);
    EXPECT_EQ(ended.exit_code, 2);
    EXPECT_THAT(ended.err, HasSubstr("expected 1 to 64 of"));
  }
}

TEST_F(CliQueueTest, PagesThroughJobsWithoutMissingOne) {
  enqueue("mail", 700);
  std::set<std::string> ids;
  std::string from;
  int pages = 0;
  do {
    Words words{"queue", "show", "mail", "--jobs", "waiting", "--limit", "150"};
    if (!from.empty()) words.insert(words.end(), {"--from", from});
    const json page = ask(words);
    EXPECT_LE(page.at("jobs").size(), 150U);
    for (const json& job : page.at("jobs")) {
      EXPECT_TRUE(ids.insert(job.at("id")).second) << "twice: " << job;
      EXPECT_EQ(job.at("kind"), "mail");
      EXPECT_EQ(job.at("state"), "waiting");
    }
    from = page.at("next");
  } while (!from.empty() && ++pages < 20);
  EXPECT_EQ(ids.size(), 700U);
  const Ended first = ferry({"queue", "show", "mail", "--jobs", "waiting", "--limit", "2"});
  EXPECT_THAT(first.out, HasSubstr("More: ferry queue show mail --jobs waiting --limit 2 --from"));
  EXPECT_EQ(ferry({"queue", "show", "mail", "--jobs", "waiting", "--from", "x+y"}).exit_code, 2);
}

TEST_F(CliQueueTest, ListsLeasedAndDelayedJobs) {
  enqueue("mail", 1);
  lease(Keys("ferry", "mail"));
  enqueue("mail", 1, R"(, "run_after": "90m", "headers": {"tenant": "blue"}, "batch_key": "k")");
  const json leased = ask({"queue", "show", "mail", "--jobs", "leased"}).at("jobs");
  ASSERT_EQ(leased.size(), 1U);
  EXPECT_EQ(leased[0].at("worker"), "w");
  const json delayed = ask({"queue", "show", "mail", "--jobs", "delayed"}).at("jobs");
  ASSERT_EQ(delayed.size(), 1U);
  EXPECT_EQ(delayed[0].at("headers").at("tenant"), "blue");
  EXPECT_EQ(delayed[0].at("batch_key"), "k");
  EXPECT_GT(delayed[0].at("due_at_ms"), delayed[0].at("enqueued_at_ms"));
  EXPECT_THAT(ferry({"queue", "show", "mail", "--jobs", "delayed"}).out,
              AnyOf(HasSubstr("in 1h 30m"), HasSubstr("in 1h 29m")));
  EXPECT_THAT(ferry({"queue", "show", "mail", "--jobs", "dead"}).out, HasSubstr("No dead letters"));
}

TEST_F(CliQueueTest, AuditExitsWithOneWhenTheBooksDoNotBalance) {
  enqueue("mail", 3);
  EXPECT_TRUE(ask({"queue", "show", "mail", "--audit"}).at("balanced").get<bool>());
  connection->call({"HINCRBY", Keys("ferry", "mail").state, "accepted", "1"});
  const Ended audit = ferry({"queue", "show", "mail", "--audit"});
  EXPECT_EQ(audit.exit_code, 1);
  EXPECT_THAT(audit.out, HasSubstr("wrong: "));
  const Ended audit_json = ferry({"queue", "show", "mail", "--audit", "--output", "json"});
  EXPECT_EQ(audit_json.exit_code, 1);
  EXPECT_FALSE(audit_json.value().at("violations").empty());
}

TEST_F(CliQueueTest, AWorkerThatDiedIsToldFromOneThatLives) {
  const Keys keys("ferry", "mail");
  enqueue("mail", 1);
  enqueue("mail", 1);
  lease(keys);
  const json alive = ask({"queue", "show", "mail"});
  EXPECT_EQ(alive.at("workers"), 1);
  EXPECT_EQ(alive.at("silent_workers"), 0);
  EXPECT_EQ(ask({"doctor"}).at("healthy"), true);
  // A minute without a heartbeat, and no other worker that would take its jobs over.
  const auto time = connection->call({"TIME"});
  const std::int64_t now_ms = std::stoll(std::string(time->root()[0].text)) * 1000;
  connection->call({"HSET", keys.workers, "w", std::to_string(now_ms - 60'000)});
  for (const Words& look : {Words{"queue", "ls"}, Words{"stats"}}) {
    const json row = ask(look).at("queues").at(0);
    EXPECT_EQ(row.at("workers"), 0);
    EXPECT_EQ(row.at("silent_workers"), 1);
    EXPECT_GE(row.at("longest_silence_ms").get<std::int64_t>(), 60'000);
    EXPECT_EQ(row.at("leased"), 1);
    EXPECT_TRUE(row.contains("oldest_leased_ms"));
    EXPECT_THAT(ferry(look).out, HasSubstr("1 worker silent for 1m"));
  }
  EXPECT_THAT(ferry({"queue", "show", "mail"}).out,
              AllOf(HasSubstr("at 0 workers"), HasSubstr("1 worker silent for 1m")));
  const Ended doctor = ferry({"doctor"});
  EXPECT_EQ(doctor.exit_code, 1);
  EXPECT_THAT(doctor.out, AllOf(HasSubstr("queue mail: 1 worker silent for 1m"),
                                HasSubstr("no worker lives"), HasSubstr("start a worker")));
  EXPECT_EQ(ferry({"doctor", "--output", "json"}).value().at("healthy"), false);
  // One that lives beside it: it will take the jobs over, so that is no failure.
  connection->call({"HSET", keys.workers, "v", std::to_string(now_ms + 1000)});
  EXPECT_EQ(ask({"queue", "show", "mail"}).at("workers"), 1);
  EXPECT_EQ(ferry({"doctor"}).exit_code, 0);
}

TEST_F(CliQueueTest, AHandlerThatHangsIsVisible) {
  const Keys keys("ferry", "mail");
  enqueue("mail", 1);
  const auto [entry, bytes] = lease(keys);
  // As if it had been delivered two minutes ago.
  connection->call(
      {"XCLAIM", keys.ready[1], group_name, "w", "0", entry, "IDLE", "120000", "JUSTID"});
  EXPECT_GE(ask({"queue", "show", "mail"}).at("oldest_leased_ms").get<std::int64_t>(), 120'000);
  for (const Words& look : {Words{"queue", "ls"}, Words{"stats"}, Words{"queue", "show", "mail"}}) {
    EXPECT_THAT(ferry(look).out, HasSubstr("leased for 2m"));
  }
}

TEST_F(CliQueueTest, PausesAndResumes) {
  enqueue("mail", 1);
  EXPECT_THAT(ferry({"queue", "pause", "mail"}).out, StartsWith("Paused queue mail"));
  EXPECT_TRUE(Queue(options(), "mail").counts().paused);
  EXPECT_FALSE(ask({"queue", "pause", "mail"}).at("changed").get<bool>());
  EXPECT_THAT(ferry({"queue", "ls"}).out, HasSubstr("paused"));
  EXPECT_THAT(ferry({"queue", "resume", "mail"}).out, StartsWith("Resumed queue mail"));
  EXPECT_FALSE(Queue(options(), "mail").counts().paused);
}

TEST_F(CliQueueTest, AQueueMayBePausedBeforeItsFirstJob) {
  EXPECT_EQ(ferry({"queue", "resume", "new"}).exit_code, 1) << "nothing to resume";
  const Ended paused = ferry({"queue", "pause", "new"});
  EXPECT_EQ(paused.exit_code, 0) << paused.err;
  EXPECT_THAT(paused.err, HasSubstr("no job was ever stored in queue \"new\""));
  EXPECT_TRUE(Queue(options(), "new").counts().paused);
  enqueue("new", 1);
  EXPECT_TRUE(ask({"queue", "show", "new"}).at("paused").get<bool>());
  EXPECT_EQ(ask({"queue", "resume", "new"}).at("changed"), true);
  ferry({"queue", "pause", "other"});
  EXPECT_EQ(ask({"queue", "resume", "other"}).at("changed"), true) << "before its first job too";
  EXPECT_EQ(ferry({"queue", "pause", "no name"}).exit_code, 2);
}

TEST_F(CliQueueTest, PurgesOnlyAfterAWord) {
  enqueue("mail", 5);
  const Ended unasked = ferry({"queue", "purge", "mail"});
  EXPECT_EQ(unasked.exit_code, 2);
  EXPECT_THAT(unasked.err, HasSubstr("--yes"));

  Terminal refused({"queue", "purge", "mail"}, environment);
  ASSERT_TRUE(refused.shows("Remove 5 jobs (waiting and delayed) of queue mail for good? [y/N]"));
  refused.type("n\n");
  EXPECT_EQ(refused.end(), 1);
  EXPECT_THAT(refused.shown(), HasSubstr("nothing was changed"));
  EXPECT_EQ(Queue(options(), "mail").counts().waiting, 5);

  Terminal agreed({"queue", "purge", "mail"}, environment);
  ASSERT_TRUE(agreed.shows("[y/N]"));
  agreed.type("y\n");
  EXPECT_EQ(agreed.end(), 0);
  EXPECT_EQ(Queue(options(), "mail").counts().waiting, 0);

  enqueue("mail", 5);
  EXPECT_EQ(ask({"queue", "purge", "mail", "--yes"}).at("removed"), 5);
}

TEST_F(CliQueueTest, ShowsADeadLetterWithItsPayload) {
  enqueue("mail", 1);
  const std::string id = kill_one("mail", "address \x1b[31m unknown", {{"tenant", "blue"}});
  const json listed = ask({"dead", "ls", "mail"}).at("jobs");
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].at("id"), id);
  EXPECT_EQ(listed[0].at("attempts"), 3);
  const json shown = ask({"dead", "show", "mail", id});
  EXPECT_EQ(shown.at("payload"), json({{"n", 0}}));
  EXPECT_EQ(shown.at("headers").at("tenant"), "blue");
  EXPECT_EQ(shown.at("deliveries"), 4);
  EXPECT_EQ(shown.at("died_at_ms"), 1'700'000'000'000);
  const Ended text = ferry({"dead", "show", "mail", id});
  EXPECT_THAT(text.out,
              AllOf(HasSubstr("\"n\": 0"), HasSubstr("header tenant"), HasSubstr("blue"),
                    HasSubstr("2023-11-14 22:13:20 UTC"), HasSubstr("address \\x1b[31m unknown")));
  EXPECT_THAT(ferry({"dead", "ls", "mail"}).out, Not(HasSubstr("\x1b")));
}

TEST_F(CliQueueTest, ShowsAPayloadThatIsNoMsgpackAsBoundedHex) {
  const Keys keys("ferry", "mail");
  enqueue("mail", 1);
  const auto [entry, bytes] = lease(keys);
  wire::JobIdSource ids;
  const JobId id = ids.next(1'700'000'000'000);
  wire::EnvelopeWriter writer(id);
  writer.add("mail", "\xc1raw\x1b[2J" + std::string(10'000, 'x'), 1'700'000'000'000'000);
  fcall("settle",
        {keys.state, keys.workers, keys.progress, keys.ready[1], keys.due, keys.parked, keys.dead},
        {"w", entry, "1", std::to_string(bytes.size()), "", "", "0", "f", "0",
         writer.finish(0, wire::Death{"bad payload", 1'700'000'000'000, 1})});
  const Words words{"dead", "show", "mail", id.to_string()};
  const Ended text = ferry(words);
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.out, AllOf(HasSubstr("c1 72 61 77"), HasSubstr("|.raw.[2Jxx"),
                              HasSubstr("more; see --payload-limit"), Not(HasSubstr("\x1b"))));
  EXPECT_LT(text.out.size(), 30'000U);
  const json value = ask({"dead", "show", "mail", id.to_string(), "--payload-limit", "4"});
  EXPECT_EQ(value.at("payload_hex"), "c1726177");
  EXPECT_TRUE(value.at("payload_cut").get<bool>());
}

TEST_F(CliQueueTest, SaysWhichKindIsBetterOffInAQueueOfItsOwn) {
  const Keys keys("ferry", "mail");
  for (int i = 0; i < 3; ++i) enqueue("mail", 1);
  connection->call({"XGROUP", "CREATE", keys.ready[1], group_name, "0"});
  EXPECT_TRUE(ask({"queue", "show", "mail"}).at("set_aside").empty());
  for (const char* holder : {"~kind:resize", "~kind:resize", "~free"}) {
    connection->call(
        {"XREADGROUP", "GROUP", group_name, holder, "COUNT", "1", "STREAMS", keys.ready[1], ">"});
  }
  EXPECT_EQ(ask({"queue", "show", "mail"}).at("set_aside"),
            json::parse(R"([{"kind": "", "envelopes": 1}, {"kind": "resize", "envelopes": 2}])"));
  EXPECT_THAT(
      ferry({"queue", "show", "mail"}).out,
      AllOf(HasSubstr("2 envelopes of what is leased wait, all of kind resize: no worker "
                      "can begin them soon, or none has a handler for it. Give the kind more "
                      "handlers, or a queue of its own; or start a worker"),
            HasSubstr("1 envelope of what is leased waits for a worker that takes it.")));
}

}  // namespace
}  // namespace ferry::test
