// Numbers that anybody with a right to a key can write: scores without end, ages of 2^63.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/effects.hpp"
#include "support/run_program.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Effects;
using test::eventually;
using test::RunningWorker;
using test::Task;

/// As Redis accepts them for a score; the last ones overflow when they are counted in ns.
const std::vector<std::string> scores{"-inf",   "-1e300",
                                      "-1",     "0.5",
                                      "1e300",  "inf",
                                      "9e15",   "9007199254740993",
                                      "9.2e18", "9223372036854775808"};

class HostileNumbersTest : public testing::Test {
 protected:
  std::int64_t calls_of_functions() {
    const auto info = admin.call({"INFO", "commandstats"});
    const std::string text(info->root().text);
    const auto at = text.find("cmdstat_fcall:calls=");
    return at == text.npos ? 0 : std::stoll(text.substr(at + 20));
  }

  PrivateRedis redis;
  Client client{test::client_options(redis)};
  Queue queue{test::redis_options(redis), "default"};
  redis::Connection admin{test::redis_options(redis)};
  Keys keys{"ferry", "default"};
  Effects effects;
};

TEST_F(HostileNumbersTest, ADueTimeOfAnySizeKeepsNoWorkerBusy) {
  Handlers handlers;
  handlers.on<Task>([this](const JobContext&, const Task& task) { effects.add(task.number); });
  WorkerOptions options = test::worker_options(redis);
  options.log.level = LogLevel::off;
  int number = 0;
  for (const std::string& score : scores) {
    admin.call({"ZADD", keys.due, score, "0:hostile"});
    RunningWorker worker(options, handlers);
    ASSERT_TRUE(eventually([&] { return queue.counts().workers == 1; }));
    const std::int64_t before = calls_of_functions();
    EnqueueOptions later;
    later.run_after = 500ms;
    client.enqueue(Task{++number}, later);
    ASSERT_TRUE(eventually([&] { return effects.size() == static_cast<std::size_t>(number); }))
        << score;
    // Some twenty a second are usual; a worker that never rests makes thousands.
    EXPECT_LT(calls_of_functions() - before, 300) << score;
    worker.stop();
    admin.call({"ZREM", keys.due, "0:hostile"});
  }
}

TEST_F(HostileNumbersTest, ListsAndLettersShowATimeWhateverTheScore) {
  Handlers handlers;
  handlers.on<Task>([](const JobContext&, const Task&) { return fail("declined"); });
  const JobId id = client.enqueue(Task{1});
  {
    RunningWorker worker(test::worker_options(redis), handlers);
    ASSERT_TRUE(eventually([&] { return queue.counts().dead == 1; }));
  }
  EnqueueOptions later;
  later.run_after = 1h;
  client.enqueue(Task{2}, later);
  const auto name_in = [&](const std::string& set) {
    return std::string(admin.call({"ZRANGE", set, "0", "0"})->root()[0].text);
  };
  const std::string letter = name_in(keys.dead);
  const std::string delayed = name_in(keys.due);
  const std::chrono::system_clock::time_point year_2200{7'258'118'400'000ms};
  for (const std::string& score : scores) {
    admin.call({"ZADD", keys.dead, score, letter});
    admin.call({"ZADD", keys.due, score, delayed});
    ASSERT_TRUE(queue.dead(id)) << score;
    for (const JobState state : {JobState::dead, JobState::delayed}) {
      const JobPage page = queue.jobs(state);
      ASSERT_EQ(page.jobs.size(), 1u) << score;
      EXPECT_GE(page.jobs[0].due_at, std::chrono::system_clock::time_point{}) << score;
      EXPECT_LE(page.jobs[0].due_at, year_2200) << score;
    }
    const auto ended =
        test::run(test::program("ferry") + " queue show default --jobs delayed --redis " +
                  test::redis_options(redis).url);
    EXPECT_EQ(ended.code, 0) << score << ": " << ended.output;
  }
}

TEST_F(HostileNumbersTest, PagesGoOnBehindScoresOfEveryKind) {
  EnqueueOptions later;
  later.run_after = 1h;
  for (int i = 0; i < 12; ++i) client.enqueue(Task{i}, later);
  const auto names = admin.call({"ZRANGE", keys.due, "0", "-1"});
  const std::vector<std::string> odd{"-inf", "-5",  "0",     "0.25", "7.1",
                                     "7.5",  "7.9", "1e300", "inf"};
  for (std::size_t i = 0; i < odd.size(); ++i) {
    admin.call({"ZADD", keys.due, odd[i], names->root()[i].text});
  }
  for (const std::size_t limit : {1u, 2u, 3u, 5u, 100u}) {
    std::size_t seen = 0;
    std::string from;
    do {
      const JobPage page = queue.jobs(JobState::delayed, limit, from);
      seen += page.jobs.size();
      from = page.next;
      ASSERT_LE(seen, 12u) << "pages of " << limit;
    } while (!from.empty());
    EXPECT_EQ(seen, 12u) << "pages of " << limit;
  }
}

}  // namespace
}  // namespace ferry
