// The trace of a run: what is in the file, and that it is true.
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "ferry/client.hpp"
#include "scratch_folder.hpp"
#include "support/error_from.hpp"
#include "support/redis_test.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

struct Task {
  static constexpr std::string_view kind = "task";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};

constexpr const char* parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

class TraceTest : public test::RedisTest {
 protected:
  WorkerOptions options_with_trace(std::size_t jobs = 4'000) {
    WorkerOptions options = test::worker_options(server());
    options.concurrency = 2;
    options.trace_file = file_;
    options.trace_jobs = jobs;
    return options;
  }

  /// Runs `jobs` jobs in batches, a quarter of them alone.
  WorkerStats run_batches(const WorkerOptions& options, std::uint64_t jobs) {
    Handlers handlers;
    handlers.on_batch<Task>(fixed(20, 5ms), [this](Batch<Task>& batch) {
      const std::lock_guard lock(mutex_);
      for (const auto& item : batch) together_[item.context().id.to_string()] = batch.id();
      std::this_thread::sleep_for(1ms);  // time for the trace to tell, not one to wait with
    });
    test::RunningWorker worker(options, std::move(handlers));
    Client client(test::client_options(server()));
    for (std::uint64_t i = 0; i < jobs / 4; ++i) client.enqueue(Task{}, {.traceparent = parent});
    static_cast<void>(client.enqueue_all(std::vector<Task>(jobs - jobs / 4)));
    EXPECT_TRUE(test::eventually([&] { return worker->stats().done == jobs; }));
    worker.stop();
    return worker->stats();
  }

  json trace() const { return json::parse(std::ifstream(file_)); }

  /// The first marks of slices of a category.
  static std::vector<json> begun(const json& trace, const std::string& category) {
    std::vector<json> events;
    for (const json& event : trace.at("traceEvents")) {
      if (event.at("ph") == "b" && event.at("cat") == category && event.contains("args")) {
        events.push_back(event);
      }
    }
    return events;
  }

  /// Every slice begins before it ends, inside of the one around it.
  static void expect_nested(const json& trace) {
    std::map<std::string, std::vector<std::string>> open;
    std::map<std::string, double> time;
    std::map<int, double> runner_free;
    for (const json& event : trace.at("traceEvents")) {
      const std::string phase = event.at("ph");
      if (phase == "X" && event.at("cat") == "run") {
        double& free = runner_free[event.at("tid")];
        EXPECT_GE(event.at("ts").get<double>(), free - 0.01);
        free = event.at("ts").get<double>() + event.at("dur").get<double>();
      }
      if (phase != "b" && phase != "e") continue;
      const std::string row =
          event.at("cat").get<std::string>() + event.at("id").get<std::string>();
      EXPECT_GE(event.at("ts").get<double>(), time[row]) << event;
      time[row] = event.at("ts");
      if (phase == "b") {
        open[row].push_back(event.at("name"));
      } else {
        ASSERT_FALSE(open[row].empty()) << event;
        EXPECT_EQ(open[row].back(), event.at("name")) << event;
        open[row].pop_back();
      }
    }
    for (const auto& [row, names] : open) EXPECT_TRUE(names.empty()) << row;
  }

  const ScratchFolder scratch_;
  const std::string file_ = scratch_.file("trace.json");
  std::mutex mutex_;
  std::map<std::string, std::uint64_t> together_;  ///< which batch a job was in
};

TEST_F(TraceTest, TellsOfEveryBatchItsStagesAndItsJobs) {
  const WorkerStats stats = run_batches(options_with_trace(), 200);
  const json found = trace();
  expect_nested(found);
  const auto batches = begun(found, "batch");
  EXPECT_EQ(batches.size(), stats.batches);
  std::set<std::string> linked;
  for (const json& batch : batches) {
    const json& args = batch.at("args");
    EXPECT_EQ(args.at("kind"), "task");
    EXPECT_EQ(args.at("queue"), "default");
    EXPECT_EQ(args.at("jobs"), args.at("links").size());
    EXPECT_EQ(args.at("trace_id").get<std::string>().size(), 32U);
    EXPECT_EQ(args.at("span_id").get<std::string>().size(), 16U);
    EXPECT_THAT(args.at("left"), testing::AnyOf("size", "linger", "flush", "stop", "idle"));
    for (const json& link : args.at("links")) {
      const std::string job = link.at("job");
      EXPECT_TRUE(linked.insert(job).second) << job;
      EXPECT_EQ(together_.at(job), args.at("batch")) << job;
    }
  }
  EXPECT_EQ(linked.size(), 200U);
}

TEST_F(TraceTest, StagesOfAJobAddUpToWhatTheWorkerMeasured) {
  const WorkerStats stats = run_batches(options_with_trace(), 200);
  double total = 0;
  const auto jobs = begun(trace(), "job");
  ASSERT_EQ(jobs.size(), 200U);
  for (const json& job : jobs) {
    const json& args = job.at("args");
    double sum = 0;
    for (const auto& [stage, us] : args.at("stage_us").items()) {
      EXPECT_GE(us.get<double>(), -0.01) << job;
      sum += us.get<double>();
    }
    EXPECT_NEAR(sum / args.at("total_us").get<double>(), 1, 0.01);
    EXPECT_EQ(args.at("outcome"), "done");
    total += sum;
  }
  EXPECT_NEAR(total / (stats.enqueue_to_settled.mean() * 200), 1, 0.01);
  EXPECT_NEAR(total / stats.stages.sum_us(), 1, 0.01);
}

TEST_F(TraceTest, LinksCarryTheContextsOfTheirJobs) {
  run_batches(options_with_trace(), 80);
  int with_context = 0;
  for (const json& batch : begun(trace(), "batch")) {
    for (const json& link : batch.at("args").at("links")) {
      if (!link.contains("trace_id")) continue;
      ++with_context;
      EXPECT_EQ(link.at("trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
      EXPECT_EQ(link.at("parent_id"), "00f067aa0ba902b7");
    }
  }
  EXPECT_EQ(with_context, 20);
}

TEST_F(TraceTest, ThinsItsSampleWhenThereAreMoreJobsThanItMayKeep) {
  const WorkerStats stats = run_batches(options_with_trace(64), 1000);
  const json found = trace();
  expect_nested(found);
  const auto jobs = begun(found, "job");
  EXPECT_LE(jobs.size(), 64U);
  EXPECT_GE(jobs.size(), 16U);
  EXPECT_GE(found.at("otherData").at("one_job_in"), 16);
  EXPECT_EQ(stats.done, 1000U);
  std::set<std::string> kept;
  for (const json& job : jobs) kept.insert(job.at("args").at("job"));
  for (const json& batch : begun(found, "batch")) {
    EXPECT_FALSE(batch.at("args").at("links").empty());
    for (const json& link : batch.at("args").at("links"))
      EXPECT_TRUE(kept.contains(link.at("job")));
  }
}

TEST_F(TraceTest, ContextAndTraceFollowAJobThroughDelayRetryAndDeadLetter) {
  std::mutex mutex;
  std::vector<std::string> seen;
  Handlers handlers;
  handlers.on<Task>(realtime(),
                    [&](const JobContext& context, const Task&) {
                      const std::lock_guard lock(mutex);
                      seen.emplace_back(context.traceparent);
                      throw std::runtime_error("not today");
                    },
                    {.max_attempts = 3, .backoff = {.base = 1ms, .cap = 5ms}});
  test::RunningWorker worker(options_with_trace(), std::move(handlers));
  Client client(test::client_options(server()));
  client.enqueue(Task{}, {.run_after = 50ms, .traceparent = parent});
  ASSERT_TRUE(test::eventually([&] { return worker->stats().failed == 1; }));
  worker.stop();
  EXPECT_THAT(seen, testing::ElementsAre(parent, parent, parent));
  Queue queue(options(), "default");
  const JobPage dead = queue.jobs(JobState::dead, 10);
  ASSERT_EQ(dead.jobs.size(), 1U);
  EXPECT_EQ(dead.jobs[0].traceparent, parent);

  const json found = trace();
  expect_nested(found);
  std::vector<std::pair<int, std::string>> attempts;
  for (const json& job : begun(found, "job")) {
    const json& args = job.at("args");
    attempts.emplace_back(args.at("attempt"), args.at("outcome"));
    EXPECT_EQ(args.at("traceparent"), parent);
    EXPECT_EQ(args.at("stage_us").contains("earlier"), args.at("attempt") > 1);
  }
  EXPECT_THAT(attempts, testing::ElementsAre(std::pair{1, "retry"}, std::pair{2, "retry"},
                                             std::pair{3, "dead"}));
  int retry_arrows = 0;
  for (const json& event : found.at("traceEvents")) {
    if (event.at("ph") == "f" && event.at("name") == "retry") ++retry_arrows;
  }
  EXPECT_EQ(retry_arrows, 2);
}

TEST_F(TraceTest, RefusesAFileThatCannotBeWrittenBeforeAnythingStarts) {
  WorkerOptions options = options_with_trace();
  options.trace_file = scratch_.file("nowhere/trace.json");
  Handlers handlers;
  handlers.on<Task>(realtime(), [](const JobContext&, const Task&) {});
  const Error error = test::error_from([&] { Worker(options, handlers); });
  EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
  EXPECT_THAT(error.what(), HasSubstr("trace_file"));
}

}  // namespace
}  // namespace ferry
