// How far off is `ferry plan`? A model handler is measured at some rates, the plan is fitted to
// these, and predicts what runs at other rates then show. The runs of one part take less than two
// minutes:
//
//   plan_errors --measure fit --json fit.json
//   plan_errors --measure unseen --json unseen.json
//   plan_errors --table fit.json unseen.json
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "compare/machine.hpp"
#include "ferry/error.hpp"
#include "ferry/private_redis.hpp"
#include "load.hpp"
#include "plan/prediction.hpp"
#include "plan_runs.hpp"
#include "surroundings.hpp"

namespace ferry::bench {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr auto budget = 50ms;

/// What the plan is fitted to.
std::vector<ModelRun> fit_runs() {
  return {{realtime(), 100, 1s, 10s, 11},
          {realtime(), 400, 1s, 6s, 12},
          {realtime(), 700, 1s, 6s, 13},
          {fixed(100, 10ms), 300, 1s, 6s, 14},
          {fixed(100, 10ms), 1500, 1s, 5s, 15},
          {realtime(1000), 1200, 1s, 5s, 16},
          {latency_budget(budget), 1000, 5s, 5s, 17}};
}

/// Other rates, which it has not seen, below, between and above those.
std::vector<ModelRun> unseen_runs() {
  return {{realtime(), 200, 1s, 8s, 21},
          {realtime(), 550, 1s, 6s, 22},
          {realtime(), 800, 1s, 6s, 23},
          {fixed(100, 10ms), 150, 1s, 8s, 24},
          {fixed(100, 10ms), 800, 1s, 5s, 25},
          {fixed(100, 10ms), 3000, 1s, 4s, 26},
          {latency_budget(budget), 500, 9s, 7s, 27},
          {latency_budget(budget), 2000, 4s, 5s, 28},
          {latency_budget(budget), 4000, 3s, 4s, 29}};
}

struct Drain {
  Policy policy;
  std::size_t jobs;
};

/// Some three seconds each.
std::vector<Drain> drains() {
  return {{realtime(), 3'000}, {fixed(100, 10ms), 45'000}, {latency_budget(budget), 45'000}};
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

json read_json(const std::string& file) {
  std::ifstream in(file);
  json value = json::parse(in, nullptr, false);
  if (!value.is_object()) throw Failure(file + " is no file of this program");
  return value;
}

json header(const RedisOptions& redis) {
  const compare::Machine machine = compare::this_machine();
  const Surroundings around = look_around(redis);
  json found{{"experiment", "model handler, 4 + 0.2·n ms, σ 0.15"},
             {"date", today()},
             {"load_before", around.load.value_or(0)},
             {"machine",
              {{"cores", machine.cores},
               {"cpu", machine.cpu},
               {"system", machine.system},
               {"compiler", machine.compiler},
               {"optimised", machine.optimised}}},
             {"settings", {{"concurrency", ModelHandler::concurrency}}}};
  const auto version = around.redis.find("version");
  if (version != around.redis.end()) found["machine"]["redis"] = version->second;
  return found;
}

int measure(const std::string& part, const std::string& file) {
  const PrivateRedis server;
  const RedisOptions redis{.url = server.url(), .prefix = "ferrybench"};
  json found = header(redis);
  found["runs"] = json::array();
  for (const ModelRun& run : part == "fit" ? fit_runs() : unseen_runs()) {
    found["runs"].push_back(run_model(redis, run));
    const json& row = found["runs"].back();
    std::fprintf(stderr, "%-22s %5.0f/s  mean %6.2f ms  p99 %6.2f ms  batch %5.2f\n",
                 run.policy.to_string().c_str(), run.rate, row["mean_us"].get<double>() / 1e3,
                 row["p99_us"].get<double>() / 1e3, row["mean_batch"].get<double>());
  }
  if (part == "unseen") {
    for (const Drain& drain : drains()) {
      const double rate = drain_model(redis, drain.policy, drain.jobs);
      found["saturation"].push_back(
          {{"policy", drain.policy.to_string()}, {"jobs", drain.jobs}, {"jobs_per_second", rate}});
      std::fprintf(stderr, "%-22s saturated at %.0f/s\n", drain.policy.to_string().c_str(), rate);
    }
  }
  std::ofstream out(file);
  out << found.dump(1) << '\n';
  out.close();
  if (!out) throw Failure("--json " + file + " cannot be written");
  return 0;
}

/// One line of the table: what was predicted, what was seen.
struct Row {
  const char* figure;
  double predicted;
  double seen;
  double allowed;

  double error() const { return predicted / seen - 1; }
  bool holds() const { return std::abs(error()) <= allowed; }
};

bool print_row(const std::string& policy, const std::string& rate, const Row& row) {
  std::printf("| %s | %s | %s | %.5g | %.5g | %+.1f %% | %.0f %% | %s |\n", policy.c_str(),
              rate.c_str(), row.figure, row.predicted, row.seen, row.error() * 100,
              row.allowed * 100, row.holds() ? "yes" : "**no**");
  return row.holds();
}

void print_machine(const json& file) {
  const json& machine = file.at("machine");
  std::printf(
      "%s, %s, %d cores, %s, %s, %s; load average before: %.1f.\n",
      file.at("date").get<std::string>().c_str(), machine.at("cpu").get<std::string>().c_str(),
      machine.at("cores").get<int>(), machine.at("system").get<std::string>().c_str(),
      machine.at("redis").get<std::string>().c_str(),
      machine.at("compiler").get<std::string>().c_str(), file.at("load_before").get<double>());
}

int table(const std::string& fit_file, const std::string& unseen_file) {
  const plan::Measured measured = plan::read_measured(read_json(fit_file).dump(), fit_file);
  const plan::WorkerModel model = plan::worker_model_of(measured);
  const json unseen = read_json(unseen_file);
  print_machine(unseen);
  std::printf("Fitted: %.3f + %.4f·n ms, σ %.3f; outside %.3f ms, tail %.3f ms.\n\n",
              model.time.fixed, model.time.per_job, model.time.noise, model.outside_ms,
              model.tail_ms);
  std::puts("| policy | jobs/s | figure | predicted | seen | error | allowed | holds |");
  std::puts("|---|---|---|---|---|---|---|---|");
  std::size_t rows = 0;
  std::size_t held = 0;
  const auto add = [&](const std::string& policy, const std::string& rate, const Row& row) {
    ++rows;
    held += print_row(policy, rate, row) ? 1 : 0;
  };
  for (const json& run : unseen.at("runs")) {
    const std::string policy = run.at("policy");
    const double rate = run.at("rate");
    const plan::Prediction predicted = plan::predict(model, Policy::parse(policy), rate);
    const std::string rate_text = std::to_string(static_cast<int>(rate));
    add(policy, rate_text,
        {"mean, ms", predicted.mean, run.at("mean_us").get<double>() / 1e3, 0.2});
    add(policy, rate_text, {"p99, ms", predicted.p99, run.at("p99_us").get<double>() / 1e3, 0.3});
    add(policy, rate_text,
        {"Redis, µs/job", measured.redis_cpu.at(predicted.mean_batch, rate),
         run.at("redis_cpu_us").get<double>() / run.at("done").get<double>(), 0.3});
  }
  for (const json& drain : unseen.at("saturation")) {
    const std::string policy = drain.at("policy");
    add(policy, "",
        {"saturation, jobs/s",
         plan::drained_per_second(model, Policy::parse(policy), drain.at("jobs")),
         drain.at("jobs_per_second"), 0.15});
  }
  std::printf("\n%zu of %zu hold.\n", held, rows);
  return held == rows ? 0 : 1;
}

}  // namespace
}  // namespace ferry::bench

int main(int argc, char** argv) {
  std::string part;
  std::string json_file;
  std::vector<std::string> files;
  CLI::App app{"How far off `ferry plan` is, against real runs"};
  auto* measuring =
      app.add_option("--measure", part, "fit or unseen")->check(CLI::IsMember({"fit", "unseen"}));
  app.add_option("--json", json_file, "where the runs go")->needs(measuring);
  auto* showing = app.add_option("--table", files, "the files of both parts")->expected(2);
  measuring->excludes(showing);
  CLI11_PARSE(app, argc, argv);
  try {
    if (!part.empty()) return ferry::bench::measure(part, json_file);
    if (files.size() == 2) return ferry::bench::table(files[0], files[1]);
    std::fputs(app.help().c_str(), stderr);
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "plan_errors: %s\n", e.what());
    return 1;
  }
}
