#include "plan/measured.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "ferry/error.hpp"

namespace ferry::plan {
namespace {

using nlohmann::json;

constexpr double noise_if_unknown = 0.2;
/// The z of a normal distribution's 90 %.
constexpr double z90 = 1.2815515655;
constexpr const char* advice =
    "; measure with: ferry compare PROGRAM --rates R,R,… --policy realtime "
    "--policy 'fixed(100, 5ms)' --json FILE";

[[noreturn]] void wrong(const std::string& file, const std::string& what) {
  throw Error(ErrorCode::invalid_argument, "measured run " + file + ": " + what + advice);
}

/// One JSON object with a name for messages.
class Members {
 public:
  Members(const json& object, const std::string& file, std::string place)
      : object_(object), file_(file), place_(std::move(place)) {
    if (!object.is_object()) wrong(file, place_ + " is missing or no object");
  }

  double number(const char* name) const {
    const auto value = optional(name);
    if (!value) wrong(file_, place_ + " has no \"" + name + "\"");
    if (std::isinf(*value)) wrong(file_, place_ + ": \"" + name + "\" is null");
    return *value;
  }

  /// Null is what JSON makes of infinity.
  std::optional<double> optional(const char* name) const {
    if (!object_.contains(name)) return {};
    const json& value = object_.at(name);
    if (value.is_null()) return std::numeric_limits<double>::infinity();
    if (!value.is_number() || value.get<double>() < 0 || value.get<double>() > most) {
      wrong(file_, place_ + ": \"" + name + "\" is no number from 0 to 1e15");
    }
    return value.get<double>();
  }

  /// Thirty years in µs, a petabyte: what is more was not measured.
  static constexpr double most = 1e15;

  std::string text(const char* name) const {
    if (!object_.contains(name) || !object_.at(name).is_string()) {
      wrong(file_, place_ + " has no \"" + name + "\"");
    }
    return object_.at(name).get<std::string>();
  }

  std::string text_or_empty(const char* name) const {
    return object_.contains(name) ? text(name) : "";
  }

 private:
  const json& object_;
  const std::string& file_;
  std::string place_;
};

const json& member(const json& object, const char* name) {
  static const json nothing;
  return object.is_object() && object.contains(name) ? object.at(name) : nothing;
}

MeasuredRun run_of(const json& value, const std::string& file, std::size_t index) {
  const std::string place = "runs[" + std::to_string(index) + "]";
  const Members members(value, file, place);
  MeasuredRun run;
  run.policy = members.text("policy");
  run.rate = members.number("rate");
  run.seconds = members.number("seconds");
  run.done = members.number("done");
  run.mean_batch = members.number("mean_batch");
  run.handler_time = members.number("handler_time_us");
  run.producer_cpu = members.number("producer_cpu_us");
  run.redis_cpu = members.number("redis_cpu_us");
  run.worker_cpu = members.number("worker_cpu_us");
  run.redis_commands = members.number("redis_commands");
  run.bytes = members.number("bytes");
  const json& lagged = member(value, "lagged");
  run.lagged = lagged.is_boolean() && lagged.get<bool>();
  run.mean = members.optional("mean_us").value_or(0);
  run.p99 = members.optional("p99_us").value_or(0);
  run.run_p50 = members.optional("run_p50_us");
  run.run_p90 = members.optional("run_p90_us");
  if (const json& stages = member(value, "stages_us_per_job"); stages.is_object()) {
    const Members times(stages, file, place + ".stages_us_per_job");
    run.outside = times.number("enqueue") + times.number("wait") + times.number("settle");
  }
  return run;
}

double utilisation(const MeasuredRun& run, std::size_t concurrency) {
  return run.handler_time / (run.seconds * 1e6 * static_cast<double>(concurrency));
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// Of runs in which every call had one job, if there are any: batches even out what jobs differ in.
std::optional<double> noise_of(const std::vector<MeasuredRun>& runs) {
  for (const double largest : {1.2, std::numeric_limits<double>::infinity()}) {
    std::vector<double> sigmas;
    for (const MeasuredRun& run : runs) {
      if (!run.run_p50 || !run.run_p90 || *run.run_p50 <= 0 || run.mean_batch > largest) continue;
      sigmas.push_back(std::log(*run.run_p90 / *run.run_p50) / z90);
    }
    if (!sigmas.empty()) return std::max(0.0, median(std::move(sigmas)));
  }
  return {};
}

/// While handlers are busy, jobs wait in Redis for them, and that is no fixed part.
double outside_of(const Measured& measured) {
  constexpr double calm = 0.7;
  std::vector<double> values;
  for (const MeasuredRun& run : measured.runs) {
    if (run.outside && utilisation(run, measured.concurrency) < calm) {
      values.push_back(*run.outside);
    }
  }
  return median(std::move(values));
}

void fit(Measured& measured) {
  std::vector<PerJobSample> handler;
  for (const MeasuredRun& run : measured.runs) {
    handler.push_back({run.mean_batch, run.handler_time / run.done, run.done});
  }
  const auto cost = [&](double MeasuredRun::*figure) {
    std::vector<JobCostSample> list;
    for (const MeasuredRun& run : measured.runs) {
      list.push_back({run.mean_batch, run.done / run.seconds, run.*figure / run.done});
    }
    return fit_job_cost(list);
  };
  measured.sizes_differ = sizes_differ(handler);
  measured.run_time = fit_per_job(handler);
  measured.worker_cpu = cost(&MeasuredRun::worker_cpu);
  measured.redis_cpu = cost(&MeasuredRun::redis_cpu);
  measured.producer_cpu = cost(&MeasuredRun::producer_cpu);
  measured.redis_commands = cost(&MeasuredRun::redis_commands);
  measured.bytes = cost(&MeasuredRun::bytes);
  measured.outside_us = outside_of(measured);
}

std::size_t concurrency_of(const json& root, const std::string& file) {
  const Members settings(member(root, "settings"), file, "\"settings\"");
  double handlers = settings.number("concurrency");
  // 0 stands for as many as there are processors.
  if (handlers == 0) {
    handlers = Members(member(root, "machine"), file, "\"machine\"").number("cores");
  }
  if (handlers < 1 || handlers > 100'000) {
    wrong(file, "\"settings\": \"concurrency\" is not from 1 to 100000");
  }
  return static_cast<std::size_t>(handlers);
}

std::string machine_of(const json& root, const std::string& file) {
  const json& machine = member(root, "machine");
  if (!machine.is_object()) return "";
  const Members members(machine, file, "\"machine\"");
  const auto cores = members.optional("cores");
  std::string text = members.text_or_empty("cpu");
  if (cores) text = std::to_string(static_cast<int>(std::min(*cores, 1e6))) + " cores, " + text;
  const std::string redis = members.text_or_empty("redis_version");
  return redis.empty() ? text : text + ", Redis " + redis;
}

}  // namespace

double Measured::us_per_redis_command() const {
  double cpu = 0;
  double commands = 0;
  for (const MeasuredRun& run : runs) {
    cpu += run.redis_cpu;
    commands += run.redis_commands;
  }
  return commands > 0 ? cpu / commands : 0;
}

Measured read_measured(std::string_view text, const std::string& file) {
  const json root = json::parse(text, nullptr, false);
  if (!root.is_object()) wrong(file, "no JSON object");
  const json& runs = member(root, "runs");
  if (!runs.is_array() || runs.empty()) wrong(file, "it has no \"runs\"");
  Measured measured;
  const Members members(root, file, "it");
  measured.name = members.text_or_empty("experiment");
  if (measured.name.empty()) measured.name = "handler";
  measured.machine = machine_of(root, file);
  measured.concurrency = concurrency_of(root, file);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    MeasuredRun run = run_of(runs[i], file, i);
    // Whose load was not the one asked for says little; what did nothing says nothing.
    if (run.lagged || run.done < 1 || run.seconds <= 0 || run.mean_batch < 1) continue;
    measured.runs.push_back(std::move(run));
  }
  if (measured.runs.empty()) wrong(file, "no run did jobs without its generator lagging");
  fit(measured);
  if (measured.run_time.at(1) <= 0) wrong(file, "\"handler_time_us\" is 0 in every run");
  const auto noise = noise_of(measured.runs);
  measured.noise = noise.value_or(noise_if_unknown);
  measured.noise_assumed = !noise;
  const auto stored = members.optional("redis_bytes_per_job");
  // A job crosses to Redis once and from it once, so half of what moved is at least its bytes.
  const auto& largest = std::ranges::max(measured.runs, {}, &MeasuredRun::mean_batch);
  measured.redis_bytes = stored.value_or(measured.bytes.at(largest.mean_batch, largest.rate) / 2);
  measured.redis_bytes_estimated = !stored;
  return measured;
}

}  // namespace ferry::plan
