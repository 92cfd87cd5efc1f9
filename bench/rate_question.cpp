#include "rate_question.hpp"

#include <map>
#include <optional>

namespace ferry::bench {
namespace {

/// What the figures that matter most must reach.
std::optional<Goal> goal_of(const std::string& name) {
  static const std::map<std::string, Goal> goals{
      {"enqueue_all_1", {Goal::Of::ratio, 0.7}},  {"enqueue_all_256", {Goal::Of::ratio, 0.6}},
      {"enqueue_async_64", {Goal::Of::ratio, 2}}, {"enqueue_sync_64", {Goal::Of::ratio, 0.4}},
      {"drain_batch_1", {Goal::Of::ratio, 0.7}},  {"drain_batch_256", {Goal::Of::ratio, 0.6}},
      {"drain_job_256", {Goal::Of::ratio, 0.4}},  {"steady_256_everysec", {Goal::Of::median, 1e6}}};
  const auto found = goals.find(name);
  return found == goals.end() ? std::nullopt : std::optional(found->second);
}

Figure figure_of(const Rate& rate) {
  Figure figure{.name = rate.name, .unit = "jobs/s", .goal = goal_of(rate.name)};
  auto& settings = figure.settings;
  settings["jobs"] = std::to_string(rate.load.jobs);
  settings["payload_bytes"] = std::to_string(rate.load.payload_bytes);
  settings["max_jobs_per_envelope"] = std::to_string(rate.load.jobs_per_envelope);
  settings["limit_jobs"] = std::to_string(rate.limit_load.jobs);
  settings["limit_jobs_per_envelope"] = std::to_string(rate.limit_load.jobs_per_envelope);
  settings["producer_threads"] = std::to_string(rate.load.threads);
  settings["worker_concurrency"] = std::to_string(rate.load.concurrency);
  settings["compress_from_bytes"] = std::to_string(rate.load.compress_from_bytes);
  settings["payload"] = rate.load.text ? "records of a log, as JSON" : "one letter repeated";
  settings["aof"] = rate.fsync == Fsync::none ? "off" : to_string(rate.fsync);
  if (!rate.note.empty()) settings["note"] = rate.note;
  return figure;
}

class RateQuestion : public Question {
 public:
  explicit RateQuestion(const Rate& rate) : Question({figure_of(rate)}), rate_(rate) {}

  void begin() override { runs_.emplace(rate_.fsync); }

  Turn turn(bool limit_first) override {
    double limit = limit_first ? run_limit() : 0;
    const double ours = ((*runs_).*rate_.ours)(rate_.load);
    if (!limit_first) limit = run_limit();
    return {{{ours, limit}}, runs_->seen()};
  }

 private:
  double run_limit() { return ((*runs_).*rate_.limit)(rate_.limit_load); }

  Rate rate_;
  std::optional<Runs> runs_;
};

}  // namespace

std::unique_ptr<Question> rate_question(const Rate& rate) {
  return std::make_unique<RateQuestion>(rate);
}

Load load_of(std::size_t jobs_per_envelope, bool quick) {
  std::size_t jobs = jobs_per_envelope == 1   ? 128'000
                     : jobs_per_envelope < 64 ? 1'280'000
                                              : 2'560'000;
  if (quick) jobs /= 5;
  return {.jobs = jobs / jobs_per_envelope * jobs_per_envelope,
          .jobs_per_envelope = jobs_per_envelope};
}

}  // namespace ferry::bench
