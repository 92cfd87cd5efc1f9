// `compare` as a user runs it: a program of its own, several processes, a server.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "compare/marker.hpp"
#include "ferry/private_redis.hpp"
#include "redis/connection.hpp"
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
using ::testing::Not;

class CompareTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // The programs start servers of their own; without one there is nothing to see.
    test::start_redis();
  }

  /// The temporary folder of the program, so that what it leaves there is seen.
  std::string here() const { return "TMPDIR=" + folder_.string() + " "; }

  const ScratchFolder scratch_;
  const std::filesystem::path folder_ = scratch_.path();
};

TEST_F(CompareTest, GivesARowForEachPolicyAndJsonThatAgrees) {
  const auto file = folder_ / "out.json";
  const Ended ended = run(program("checksum") +
                          " compare --limit 200 --repetitions 5 --policy realtime "
                          "--policy 'fixed(50, 5ms)' --seed 1 --json " +
                          file.string());
  ASSERT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("closed loop"));
  EXPECT_THAT(ended.output, HasSubstr("started a private Redis"));
  EXPECT_THAT(ended.output, HasSubstr("\nrealtime "));
  EXPECT_THAT(ended.output, HasSubstr("\nfixed(50, 5ms) "));
  EXPECT_THAT(ended.output, HasSubstr("CRC-32C of block 0"));

  const json result = json::parse(std::ifstream(file));
  EXPECT_EQ(result["experiment"], "checksum");
  EXPECT_EQ(result["load"], "closed loop");
  EXPECT_FALSE(result["underpowered"]);
  ASSERT_EQ(result["rows"].size(), 2U);
  ASSERT_EQ(result["runs"].size(), 10U);
  for (const json& run : result["runs"]) {
    EXPECT_EQ(run["jobs"], 200);
    EXPECT_GT(run["seconds"], 0);
    EXPECT_GT(run["worker_cpu_us"], 0);
    EXPECT_GE(run["producer_cpu_us"], 0);
    EXPECT_GE(run["redis_cpu_us"], 0);
    // 200 jobs need at least an enqueue, a fetch and a settle.
    EXPECT_GE(run["redis_commands"], 3);
    EXPECT_GE(run["round_trips"], 3);
    EXPECT_LE(run["p50_us"], run["p99_us"]);
  }
  EXPECT_EQ(result["rows"][0]["policy"], "realtime");
  EXPECT_EQ(result["rows"][0]["mean_batch"]["high"], 1.0);
  EXPECT_GT(result["rows"][1]["mean_batch"]["low"], 5.0);
  EXPECT_THAT(ended.output, HasSubstr(result["verdict"].get<std::string>()));
}

TEST_F(CompareTest, RunsEveryPolicyOnceInEachRepetition) {
  const auto file = folder_ / "out.json";
  const Ended ended =
      run(program("checksum") + " compare --limit 20 --repetitions 3 --json " + file.string());
  ASSERT_EQ(ended.code, 0) << ended.output;
  const json result = json::parse(std::ifstream(file));
  EXPECT_TRUE(result["underpowered"]);
  EXPECT_THAT(result["verdict"].get<std::string>(), HasSubstr("underpowered"));
  ASSERT_EQ(result["runs"].size(), 15U);
  for (std::size_t repetition = 0; repetition < 3; ++repetition) {
    std::set<std::string> policies;
    for (std::size_t i = 0; i < 5; ++i) {
      const json& one = result["runs"][repetition * 5 + i];
      EXPECT_EQ(one["repetition"], repetition + 1);
      policies.insert(one["policy"].get<std::string>());
    }
    EXPECT_EQ(policies.size(), 5U);
  }
}

TEST_F(CompareTest, LeavesNoKeyOnARedisThatIsNotItsOwn) {
  const PrivateRedis server;
  redis::Connection connection{RedisOptions{.url = server.url()}};
  connection.connect();
  connection.call({"SET", "ferry:mine", "kept"});
  const Ended ended = run(here() + program("checksum") + " compare --limit 50 --repetitions 1 " +
                          "--redis " + server.url());
  ASSERT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, Not(HasSubstr("started a private Redis")));
  const auto keys = connection.call({"KEYS", "*"});
  ASSERT_EQ(keys->root().size, 1U);
  EXPECT_EQ(keys->root()[0].text, "ferry:mine");
  EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "the scratch folder was left behind";
}

TEST_F(CompareTest, EndsWithAnErrorWhenTheWorkIsNotDone) {
  // No folder for the index: the worker cannot even start.
  const Ended ended = run(here() + program("documents") + " compare --limit 5 --repetitions 1 " +
                          "--database " + (folder_ / "missing" / "index.sqlite").string());
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.output, HasSubstr("the run failed"));
  EXPECT_THAT(ended.output, Not(HasSubstr("jobs/s\n")));
}

TEST_F(CompareTest, EndsWithAnErrorWhenThereIsNothingToDo) {
  std::filesystem::create_directory(folder_ / "empty");
  const Ended ended = run(program("documents") + " compare --repetitions 1 --folder " +
                          (folder_ / "empty").string());
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.output, HasSubstr("the producer enqueued no job"));
}

TEST_F(CompareTest, StopsWhatItStartedWhenInterrupted) {
  const PrivateRedis server;
  const std::string command = here() + "timeout --preserve-status --signal=TERM 2 " +
                              program("checksum") + " compare --repetitions 1000 --redis " +
                              server.url();
  const Ended ended = run(command);
  EXPECT_EQ(ended.code, 130);
  EXPECT_THAT(ended.output, HasSubstr("interrupted"));
  redis::Connection connection{RedisOptions{.url = server.url()}};
  connection.connect();
  EXPECT_EQ(connection.call({"DBSIZE"})->root().integer, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(CompareTest, SaysWhatIsWrongWithACommandLine) {
  const Ended ended = run(program("checksum") + " compare --repetitions many");
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.output, HasSubstr("--repetitions is 'many'"));
}

TEST_F(CompareTest, RunsThroughTheFerryProgram) {
  const Ended ended = run(program("ferry") + " compare " + program("checksum") +
                          " --limit 20 --repetitions 1 --policy realtime");
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("\nrealtime "));
}

TEST_F(CompareTest, RefusesAProgramThatIsNoExperimentWithoutRunningIt) {
  const Ended ended = run(program("ferry") + " compare touch " + (folder_ / "made").string());
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.output, HasSubstr("no experiment program"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "made"));
  EXPECT_TRUE(compare::is_experiment_program(program("checksum")));
  EXPECT_FALSE(compare::is_experiment_program(folder_ / "nothing"));
}

}  // namespace
}  // namespace ferry
