// What does a job cost in round trips and allocations? Counts, so nearly the same on any machine.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "producer.hpp"
#include "questions.hpp"
#include "running_worker.hpp"

namespace ferry::bench {
namespace {

Figure count(const char* name, double goal, std::size_t jobs) {
  return {.name = name,
          .unit = "per job",
          .higher_is_better = false,
          .settings = {{"jobs", std::to_string(jobs)},
                       {"payload_bytes", "100"},
                       {"max_jobs_per_envelope", "256"}},
          .goal = Goal{Goal::Of::median, goal}};
}

class RoundTrips : public Question {
 public:
  explicit RoundTrips(const Load& load)
      : Question({count("round_trips_enqueue", 0.01, load.jobs),
                  count("round_trips_drain", 0.01, load.jobs)}),
        load_(load) {}

  Turn turn(bool /*limit_first*/) override {
    const PrivateRedis server;
    const RedisOptions redis{.url = server.url(), .prefix = "ferrybench"};
    Producer producer(redis, "counted", load_);
    const auto before = producer.stats().round_trips;
    producer.hand_over();
    const auto to_enqueue = producer.stats().round_trips - before;
    Handlers handlers;
    handlers.on_batch<Blob>(realtime(1000), [](Batch<Blob>&) {});
    RunningWorker worker(worker_options(redis, "counted", 2), std::move(handlers));
    worker.wait_until_done(load_.jobs);
    const auto to_drain = worker.stats().round_trips;
    const auto jobs = static_cast<double>(load_.jobs);
    // The producer's first job, which connected, is not among them.
    return {
        {{static_cast<double>(to_enqueue) / (jobs - 1)}, {static_cast<double>(to_drain) / jobs}}};
  }

 private:
  Load load_;
};

/// In a program of its own: one whose `new` counts is not the one whose speed is measured.
class Allocations : public Question {
 public:
  explicit Allocations(std::size_t jobs)
      : Question({count("allocations_per_job", 0.1, jobs)}), jobs_(jobs) {}

  Turn turn(bool /*limit_first*/) override {
    const auto program =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "count_allocations";
    const std::string command = "'" + program.string() + "' " + std::to_string(jobs_);
    const std::unique_ptr<FILE, int (*)(FILE*)> output(popen(command.c_str(), "r"), &pclose);
    double allocations = 0;
    if (output == nullptr || std::fscanf(output.get(), "%lf", &allocations) != 1) {
      throw Failure("count_allocations did not count");
    }
    return {{{allocations}}};
  }

 private:
  std::size_t jobs_;
};

}  // namespace

Questions counts(bool quick) {
  const Load load{.jobs = quick ? 256'000U : 1'280'000U};
  Questions list;
  list.push_back(std::make_unique<RoundTrips>(load));
  list.push_back(std::make_unique<Allocations>(load.jobs));
  return list;
}

}  // namespace ferry::bench
