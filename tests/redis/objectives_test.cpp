// Latency objectives of a running worker: what is late, and that it is said once.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "ferry/client.hpp"
#include "support/error_from.hpp"
#include "support/redis_test.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

template <int number>
struct Task {
  static constexpr std::string_view kind = number == 1 ? "slow" : "quick";
  int value = 0;
  MSGPACK_DEFINE_MAP(value)
};

using ObjectivesTest = test::RedisTest;

TEST_F(ObjectivesTest, CountsLateJobsByQueueAndKindAndBurnsUntilToldOtherwise) {
  Handlers handlers;
  handlers.on<Task<1>>(realtime(), [](const JobContext&, const Task<1>&) {
    std::this_thread::sleep_for(5ms);  // longer than its objective
  });
  handlers.on<Task<2>>(realtime(), [](const JobContext&, const Task<2>&) {});
  WorkerOptions options = test::worker_options(server());
  options.log.level = LogLevel::warning;
  options.objectives = {
      {.kind = "slow", .within = 2ms}, {.kind = "quick", .within = 1h}, {.within = 24h}};
  testing::internal::CaptureStderr();
  test::RunningWorker worker(options, std::move(handlers));
  Client client(test::client_options(server()));
  static_cast<void>(client.enqueue_all(std::vector<Task<1>>(60)));
  static_cast<void>(client.enqueue_all(std::vector<Task<2>>(40)));
  EXPECT_TRUE(test::eventually([&] { return worker->stats().done == 100; }));
  EXPECT_TRUE(test::eventually([&] { return worker->stats().objectives.at(0).burning; }));
  worker.stop();
  const std::string log = testing::internal::GetCapturedStderr();
  const WorkerStats stats = worker->stats();
  ASSERT_EQ(stats.objectives.size(), 3U);
  EXPECT_EQ(stats.objectives[0].jobs, 60U);
  EXPECT_EQ(stats.objectives[0].late, 60U);
  EXPECT_NEAR(stats.objectives[0].burn_5_minutes, 100, 0.01);
  EXPECT_EQ(stats.objectives[1].jobs, 40U);
  EXPECT_EQ(stats.objectives[1].late, 0U);
  EXPECT_EQ(stats.objectives[2].jobs, 100U);
  EXPECT_FALSE(stats.objectives[2].burning);
  const auto first = log.find("a latency objective burns");
  EXPECT_NE(first, std::string::npos) << log;
  EXPECT_EQ(log.find("a latency objective burns", first + 1), std::string::npos) << log;
  EXPECT_THAT(stats.to_text(), HasSubstr("99 % within 2.00 ms"));
  EXPECT_THAT(stats.to_text(), HasSubstr("BURNS"));
  const auto json = nlohmann::json::parse(stats.to_json());
  EXPECT_EQ(json.at("objectives").at(0).at("burning"), true);
}

TEST_F(ObjectivesTest, AnExpiredJobIsLate) {
  Client client(test::client_options(server()));
  // Long enough to be stored before on a busy machine.
  client.enqueue(Task<2>{}, {.expires_after = 500ms});
  const auto expired = std::chrono::steady_clock::now() + 510ms;
  ASSERT_TRUE(test::eventually([&] { return std::chrono::steady_clock::now() > expired; }));
  Handlers handlers;
  handlers.on<Task<2>>(realtime(), [](const JobContext&, const Task<2>&) {});
  WorkerOptions options = test::worker_options(server());
  options.objectives = {{.within = 24h}};
  test::RunningWorker worker(options, std::move(handlers));
  EXPECT_TRUE(test::eventually([&] { return worker->stats().objectives.at(0).late == 1; }));
}

TEST_F(ObjectivesTest, RefusesWhatCannotBeWatched) {
  const auto complaint = [&](const LatencyObjective& objective) {
    WorkerOptions options = test::worker_options(server());
    options.objectives = {objective};
    return std::string(test::error_from([&] { options.validate(); }).what());
  };
  EXPECT_THAT(complaint({.queue = "other"}), HasSubstr("objective.queue is \"other\""));
  EXPECT_THAT(complaint({.kind = "a b"}), HasSubstr("objective.kind"));
  EXPECT_THAT(complaint({.within = 0ms}), HasSubstr("objective.within is 0 ms"));
  EXPECT_THAT(complaint({.share = 0.9}), HasSubstr("objective.share is 0.9"));
}

}  // namespace
}  // namespace ferry
