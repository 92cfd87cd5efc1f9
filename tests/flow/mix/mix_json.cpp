#include "flow/mix/mix_json.hpp"

#include <cstdio>

#include "ferry/error.hpp"

namespace ferry::flow {
namespace {

using Json = nlohmann::ordered_json;

const char* name_of(Arrivals arrivals) {
  switch (arrivals) {
    case Arrivals::steady:
      return "steady";
    case Arrivals::bursts:
      return "bursts";
    case Arrivals::bulk:
      return "bulk";
  }
  return "?";
}

Arrivals arrivals_named(const std::string& name) {
  for (const Arrivals arrivals : {Arrivals::steady, Arrivals::bursts, Arrivals::bulk}) {
    if (name == name_of(arrivals)) return arrivals;
  }
  throw Error(ErrorCode::invalid_argument, "arrivals is " + name);
}

/// What is done with every field of a kind, once: to write it, or to read it.
template <typename Kind, typename Field>
void each_field(Kind& kind, const Field& field) {
  field("policy", kind.policy);
  field("per_job", kind.per_job);
  field("concurrency", kind.concurrency);
  field("call_takes_us", kind.call_takes);
  field("job_takes_us", kind.job_takes);
  field("spins", kind.spins);
  field("queue", kind.queue);
  field("batch_keys", kind.batch_keys);
  field("zipf", kind.zipf);
  field("high_percent", kind.high_percent);
  field("low_percent", kind.low_percent);
  field("delayed_percent", kind.delayed_percent);
  field("delay_ms", kind.delay);
  field("all_due_at_ms", kind.all_due_at);
  field("payload_bytes", kind.payload_bytes);
  field("repetitive", kind.repetitive);
  field("compress_from_bytes", kind.compress_from_bytes);
  field("envelope_jobs", kind.envelope_jobs);
  field("arrivals", kind.arrivals);
  field("jobs", kind.jobs);
  field("per_second", kind.per_second);
  field("portion", kind.portion);
  field("from_ms", kind.from);
  field("stored_first", kind.stored_first);
}

template <typename Mix_, typename Field>
void each_setting(Mix_& mix, const Field& field) {
  field("name", mix.name);
  field("seed", mix.seed);
  field("queue_weights", mix.queue_weights);
  field("length_ms", mix.length);
  field("drains", mix.drains);
  field("max_jobs_in_flight", mix.max_jobs_in_flight);
  field("max_bytes_in_flight", mix.max_bytes_in_flight);
  field("lease_ms", mix.lease);
}

template <typename T>
Json written(const T& value) {
  return value;
}
Json written(const Policy& policy) { return policy.to_string(); }
Json written(Arrivals arrivals) { return name_of(arrivals); }
template <typename Rep, typename Period>
Json written(std::chrono::duration<Rep, Period> time) {
  return time.count();
}

template <typename T>
void read(const Json& json, T& value) {
  value = json.get<T>();
}
void read(const Json& json, Policy& policy) { policy = Policy::parse(json.get<std::string>()); }
void read(const Json& json, Arrivals& arrivals) {
  arrivals = arrivals_named(json.get<std::string>());
}
template <typename Rep, typename Period>
void read(const Json& json, std::chrono::duration<Rep, Period>& time) {
  time = std::chrono::duration<Rep, Period>(json.get<Rep>());
}

struct Write {
  Json& into;
  template <typename T>
  void operator()(const char* name, const T& value) const {
    into[name] = written(value);
  }
};

struct Read {
  const Json& from;
  template <typename T>
  void operator()(const char* name, T& value) const {
    read(from.at(name), value);
  }
};

std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

std::string line_of_kind(const MixKind& kind) {
  const auto ms = [](std::chrono::microseconds time) {
    return rounded(static_cast<double>(time.count()) / 1e3);
  };
  std::string line = kind.policy.to_string() + (kind.per_job ? " per job " : " per batch ") +
                     ms(kind.call_takes) + "+" + ms(kind.job_takes) + "ms" +
                     (kind.spins ? " spinning" : "");
  if (kind.concurrency > 0) line += " own=" + std::to_string(kind.concurrency);
  line += " q" + std::to_string(kind.queue) + " " + std::to_string(kind.jobs) + " jobs " +
          name_of(kind.arrivals);
  if (kind.arrivals == Arrivals::steady) line += " by " + std::to_string(kind.portion);
  if (kind.arrivals != Arrivals::bulk) line += " " + rounded(kind.per_second) + "/s";
  line += " " + std::to_string(kind.payload_bytes) + "B";
  if (kind.compress_from_bytes > 0) line += " zstd";
  if (kind.envelope_jobs != 256) line += " envelope<=" + std::to_string(kind.envelope_jobs);
  if (kind.batch_keys > 0) {
    line += (kind.zipf ? " zipf-keys=" : " keys=") + std::to_string(kind.batch_keys);
  }
  if (kind.high_percent > 0) line += " high=" + std::to_string(kind.high_percent) + "%";
  if (kind.low_percent > 0) line += " low=" + std::to_string(kind.low_percent) + "%";
  if (kind.delayed_percent > 0) {
    line += " " + std::to_string(kind.delayed_percent) + "% later by " +
            std::to_string(kind.delay.count()) + "ms";
  }
  return line;
}

}  // namespace

Json json_of(const Mix& mix) {
  Json json;
  each_setting(mix, Write{json});
  for (const MixWorker& worker : mix.workers) {
    json["workers"].push_back(
        {{"concurrency", worker.concurrency}, {"call_takes_ms", worker.call_takes.count()}});
  }
  for (const MixKind& kind : mix.kinds) {
    Json one;
    each_field(kind, Write{one});
    json["kinds"].push_back(std::move(one));
  }
  return json;
}

Mix mix_of(const Json& json) {
  Mix mix;
  each_setting(mix, Read{json});
  mix.workers.clear();
  for (const Json& worker : json.at("workers")) {
    mix.workers.push_back(
        {worker.at("concurrency").get<std::size_t>(),
         std::chrono::milliseconds{worker.at("call_takes_ms").get<std::int64_t>()}});
  }
  for (const Json& one : json.at("kinds")) each_field(mix.kinds.emplace_back(), Read{one});
  return mix;
}

std::string line_of(const Mix& mix) {
  std::string line = mix.name + ": load " + rounded(load_of(mix)) + ", handlers";
  for (const MixWorker& worker : mix.workers) line += " " + std::to_string(worker.concurrency);
  line += ", weights";
  for (const int weight : mix.queue_weights) line += " " + std::to_string(weight);
  for (const MixKind& kind : mix.kinds) line += " | " + line_of_kind(kind);
  return line;
}

}  // namespace ferry::flow
