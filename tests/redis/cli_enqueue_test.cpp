#include "support/cli_test.hpp"
#include "support/send_signal.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

using CliEnqueueTest = CliTest;

TEST_F(CliEnqueueTest, GoesOnAfterABadLineAndSaysSo) {
  const std::string lines =
      "{\"kind\": \"a\", \"payload\": 1}\n"
      "{oops\n"
      "\n"
      "{\"kind\": \"a\", \"payload\": 1, \"run_after\": \"5\"}\r\n"
      "{\"kind\": \"a\", \"payload\": 1, \"colour\": \"red\"}\n"
      "{\"kind\": \"a\", \"payload\": 1, \"priority\": \"high\"}";
  const Ended ended = ferry({"enqueue", "mail"}, lines);
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.out, StartsWith("Enqueued 2 jobs into mail, 3 failed"));
  const auto errors = lines_of(ended.err);
  ASSERT_EQ(errors.size(), 3U);
  EXPECT_THAT(errors[0], HasSubstr("line 2: not valid JSON"));
  EXPECT_THAT(errors[1], HasSubstr("line 4: run_after is \"5\""));
  EXPECT_THAT(errors[2], HasSubstr("line 5: field \"colour\" is not known"));

  const Ended as_json = ferry({"enqueue", "mail", "--output", "json"}, lines);
  EXPECT_EQ(as_json.value().at("enqueued"), 2);
  EXPECT_EQ(as_json.value().at("failed"), 3);
  const json error = json::parse(lines_of(as_json.err).at(1)).at("error");
  EXPECT_EQ(error.at("line"), 4);
  EXPECT_EQ(error.at("field"), "run_after");
  EXPECT_EQ(Queue(options(), "mail").counts().waiting, 4);
}

TEST_F(CliEnqueueTest, StopsAtTheFirstBadLineWhenStrict) {
  const Ended ended = ferry({"enqueue", "mail", "--strict"},
                            "{\"kind\": \"a\", \"payload\": 1}\n[]\n"
                            "{\"kind\": \"a\", \"payload\": 2}\n");
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("line 2: "), HasSubstr("stopped after line 2")));
  EXPECT_EQ(Queue(options(), "mail").counts().accepted, 1);
}

TEST_F(CliEnqueueTest, SaysWhatIsNotAsSafeAsAsked) {
  const std::string lines =
      "{\"kind\": \"a\", \"payload\": 1}\n{\"kind\": \"a\", \"payload\": 2}\n";
  const Ended alone = ferry(
      {"enqueue", "mail", "--durability", "replicated:1", "--timeout", "200ms", "--output", "json"},
      lines);
  EXPECT_EQ(alone.exit_code, 3);
  EXPECT_EQ(alone.value().at("unconfirmed"), 2);
  EXPECT_EQ(alone.value().at("enqueued"), 0);
  const json error = json::parse(lines_of(alone.err).at(0)).at("error");
  EXPECT_EQ(error.at("code"), "unconfirmed");
  EXPECT_THAT(error.at("message"), HasSubstr("not on 1 of its replicas"));
  EXPECT_EQ(Queue(options(), "mail").counts().accepted, 2);

  const Ended unknown = ferry({"enqueue", "mail", "--durability", "quick"}, lines);
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("durability is \"quick\""));
  EXPECT_EQ(ferry({"enqueue", "mail", "--durability", "fast"}, lines).exit_code, 0);
}

TEST_F(CliEnqueueTest, EnqueuesWithEveryOption) {
  const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const Ended ended =
      ferry({"enqueue", "mail"},
            R"({"kind": "a", "payload": {"x": [1, "zwei"]}, "priority": "low", "run_after": "2h", )"
            R"("expires_after": "3h", "max_attempts": 3, "batch_key": "b", "headers": {"h": "1"}, )"
            R"("traceparent": ")" +
                trace + "\"}");
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  const JobPage page = Queue(options(), "mail").jobs(JobState::delayed);
  ASSERT_EQ(page.jobs.size(), 1U);
  EXPECT_EQ(page.jobs[0].kind, "a");
  EXPECT_EQ(page.jobs[0].priority, Priority::low);
  EXPECT_EQ(page.jobs[0].batch_key, "b");
  EXPECT_EQ(page.jobs[0].traceparent, trace);
  EXPECT_EQ(page.jobs[0].headers.at("h"), "1");
}

TEST_F(CliEnqueueTest, EnqueuesAHundredThousandLinesInLittleMemory) {
  constexpr int jobs = 100'000;
  const std::string filler(600, 'x');
  const Memory file;
  std::string block;
  for (int i = 0; i < jobs; ++i) {
    block += R"({"kind": "mail", "payload": {"n": )" + std::to_string(i) + R"(, "text": ")" +
             filler + "\"}}\n";
    if (block.size() > 256 * 1024 || i + 1 == jobs) {
      file.append(block);
      block.clear();
    }
  }
  const Ended ended = ferry_reading({"enqueue", "mail", "--output", "json"}, file);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(ended.value().at("enqueued"), jobs);
  EXPECT_EQ(ended.value().at("lines"), jobs);
  EXPECT_EQ(Queue(options(), "mail").counts().accepted, jobs);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // The file has 64 MB; under way are at most 16 MiB.
  EXPECT_LT(ended.peak_kib, 48 * 1024);
#endif
}

TEST_F(CliEnqueueTest, SaysWhereItStoppedWhenInterrupted) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(::pipe2(pipe_ends.data(), O_CLOEXEC), 0);
  const Memory out;
  const Memory err;
  const pid_t pid =
      spawn({"enqueue", "mail"}, environment, {pipe_ends[0], out.descriptor(), err.descriptor()});
  ::close(pipe_ends[0]);
  const std::string line = "{\"kind\": \"a\", \"payload\": 1}\n";
  ASSERT_EQ(::write(pipe_ends[1], line.data(), line.size()), static_cast<ssize_t>(line.size()));
  const auto end = std::chrono::steady_clock::now() + program_deadline;
  Queue queue(options(), "mail");
  while (queue.counts().accepted < 1 && std::chrono::steady_clock::now() < end) ::usleep(1000);
  test::send_signal(pid, SIGINT);
  EXPECT_EQ(wait_for_end(pid), 1);
  ::close(pipe_ends[1]);
  EXPECT_THAT(out.text(), StartsWith("Enqueued 1 job into mail, 0 failed"));
  EXPECT_THAT(err.text(), HasSubstr("stopped after line 1"));
}

TEST_F(CliEnqueueTest, AFullRedisEndsAnEnqueueWithFour) {
  const PrivateRedis small({.maxmemory = 2 * 1024 * 1024});
  environment[0] = "FERRY_REDIS=" + small.url();
  ASSERT_EQ(ferry({"setup"}).exit_code, 0);
  const Memory file;
  const std::string line = R"({"kind": "mail", "payload": ")" + std::string(1000, 'x') + "\"}\n";
  for (int i = 0; i < 4000; ++i) file.append(line);
  const Ended ended =
      ferry_reading({"enqueue", "mail", "--timeout", "1s", "--output", "json"}, file);
  EXPECT_EQ(ended.exit_code, 4) << ended.err;
  const json first = json::parse(lines_of(ended.err).at(0)).at("error");
  EXPECT_EQ(first.at("code"), "out_of_memory");
  EXPECT_GT(ended.value().at("failed"), 0);
}

}  // namespace
}  // namespace ferry::test
