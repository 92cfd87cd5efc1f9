// `ferry budget` as a user runs it, on the trace of a real worker.
#include <fstream>
#include <thread>

#include "ferry/client.hpp"
#include "scratch_folder.hpp"
#include "support/cli_test.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

struct Task {
  static constexpr std::string_view kind = "task";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};

class CliBudgetTest : public CliTest {
 protected:
  /// The trace of a worker that does `jobs` jobs, one in twenty of which takes long.
  void make_trace(int jobs) {
    WorkerOptions worker_options;
    worker_options.redis = options();
    worker_options.concurrency = 16;
    worker_options.trace_file = file_;
    worker_options.log.level = LogLevel::error;
    worker_options.print_stats_on_stop = false;
    Handlers handlers;
    handlers.on<Task>(realtime(), [](const JobContext&, const Task& task) {
      // A handler that takes time, not one that the test waits with.
      if (task.number % 20 == 0) std::this_thread::sleep_for(100ms);
    });
    RunningWorker worker(worker_options, std::move(handlers));
    Client client(ClientOptions{.redis = options()});
    for (int i = 0; i < jobs; ++i) client.enqueue(Task{i});
    ASSERT_TRUE(
        eventually([&] { return worker->stats().done == static_cast<std::uint64_t>(jobs); }));
    worker.stop();
  }

  const ScratchFolder scratch_;
  const std::string file_ = scratch_.file("trace.json");
};

TEST_F(CliBudgetTest, NamesTheStageThatOwnsTheSlowestJobs) {
  make_trace(300);
  const Ended ended = ferry({"budget", file_, "--part", "0.05"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("300 jobs, 15 in the slowest part"));
  EXPECT_THAT(ended.out, HasSubstr("The slowest 5 % are in the handler"));
  EXPECT_THAT(ended.out, HasSubstr("One job in 1 was sampled"));
  const json value = ask({"budget", file_, "--part", "0.05"});
  EXPECT_EQ(value.at("owner"), "run");
  EXPECT_EQ(value.at("groups").at(0).at("kind"), "task");
  EXPECT_EQ(value.at("groups").at(0).at("queue"), "default");
}

TEST_F(CliBudgetTest, GivesNoVerdictOnTooFewJobs) {
  make_trace(40);
  const Ended ended = ferry({"budget", file_});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.out, HasSubstr("No verdict: the slowest 1 % of 40 jobs are 1"));
  EXPECT_THAT(ended.out, HasSubstr("--part 0.25"));
}

TEST_F(CliBudgetTest, SaysWhatIsWrongWithAFile) {
  std::ofstream(file_) << R"({"runs": []})";
  const Ended comparison = ferry({"budget", file_});
  EXPECT_EQ(comparison.exit_code, 2);
  EXPECT_THAT(comparison.err, HasSubstr("it is a comparison"));
  const Ended missing = ferry({"budget", scratch_.file("nothing")});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("cannot be read"));
  EXPECT_EQ(ferry({"budget", file_, "--part", "0.9"}).exit_code, 2);
}

}  // namespace
}  // namespace ferry::test
