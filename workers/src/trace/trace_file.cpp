#include "trace/trace_file.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

namespace ferry::detail {
namespace {

using Json = nlohmann::ordered_json;

/// The rows of a trace: a "process" for what the worker did, one for what was asked of it.
constexpr int worker_process = 1;
constexpr int producer_process = 2;

std::string_view word_for(TracedEnd end) {
  switch (end) {
    case TracedEnd::untold:
      return "untold";
    case TracedEnd::done:
      return "done";
    case TracedEnd::retry:
      return "retry";
    case TracedEnd::dead:
      break;
  }
  return "dead";
}

std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

struct Stage {
  const char* name;
  double us;
};

double us_of(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

class TraceWriter {
 public:
  explicit TraceWriter(const TraceRecords& records)
      : records_(records), start_us_(start_of(records)) {}

  std::string write() {
    name_rows();
    for (const TracedJob& job : records_.jobs) {
      members_[job.batch].push_back(&job);
      attempts_[job.id].push_back(&job);
    }
    give_runners();
    for (const TracedBatch& batch : records_.batches) add_batch(batch);
    for (const TracedJob& job : records_.jobs) add_job(job);
    for (auto& [id, attempts] : attempts_) add_arrows(id, attempts);
    const Json trace{{"displayTimeUnit", "ms"},
                     {"otherData",
                      {{"made_by", "ferry"},
                       {"format", 1},
                       {"worker", records_.worker},
                       {"start_unix_us", start_us_},
                       {"one_job_in", records_.one_job_in}}},
                     {"traceEvents", std::move(events_)}};
    return trace.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

 private:
  double at(TraceTime time) const {
    return us_of(time.time_since_epoch()) +
           static_cast<double>(records_.wall_offset_us - start_us_);
  }

  double at_wall(std::uint64_t us) const {
    return static_cast<double>(static_cast<std::int64_t>(us) - start_us_);
  }

  /// Times count from the first moment told: those since 1970 leave a double no fractions of a µs.
  static std::int64_t start_of(const TraceRecords& records) {
    if (records.jobs.empty()) return 0;
    auto start = static_cast<std::int64_t>(
        std::ranges::min(records.jobs, {}, &TracedJob::enqueued_us).enqueued_us);
    for (const TracedBatch& batch : records.batches) {
      start = std::min(start, static_cast<std::int64_t>(us_of(batch.arrived.time_since_epoch())) +
                                  records.wall_offset_us);
    }
    return start;
  }

  void add(Json event) { events_.push_back(std::move(event)); }

  void name_row(const char* what, int process, std::size_t row, const std::string& name) {
    add({{"ph", "M"}, {"name", what}, {"pid", process}, {"tid", row}, {"args", {{"name", name}}}});
  }

  void name_rows() {
    name_row("process_name", worker_process, 0, "worker " + records_.worker);
    name_row("process_name", producer_process, 0, "producers");
    name_row("thread_name", producer_process, 1, "enqueue");
  }

  /// Each batch gets the first runner that is free, as hotel guests get rooms.
  void give_runners() {
    std::vector<const TracedBatch*> batches;
    for (const TracedBatch& batch : records_.batches) batches.push_back(&batch);
    std::ranges::sort(batches, {}, [](const TracedBatch* batch) { return batch->started; });
    std::vector<TraceTime> free_at;
    for (const TracedBatch* batch : batches) {
      const auto free =
          std::ranges::find_if(free_at, [&](TraceTime time) { return time <= batch->started; });
      const auto runner = static_cast<std::size_t>(free - free_at.begin());
      if (free == free_at.end()) {
        free_at.emplace_back();
        name_row("thread_name", worker_process, runner + 1, "runner " + std::to_string(runner + 1));
      }
      free_at[runner] = batch->ended;
      runners_[batch->id] = runner + 1;
    }
  }

  /// A slice and its parts, one behind the other. The parts cannot be told from the whole by
  /// rounding: each begins where the one before has ended.
  void add_stages(const char* category, const std::string& id, const std::string& name,
                  double begin, const std::vector<Stage>& stages, Json args) {
    const Json common{{"cat", category}, {"id", id}, {"pid", worker_process}, {"tid", 0}};
    const auto mark = [&](const char* phase, const std::string& what, double when) {
      Json event = common;
      event["ph"] = phase;
      event["name"] = what;
      event["ts"] = when;
      return event;
    };
    Json first = mark("b", name, begin);
    first["args"] = std::move(args);
    add(std::move(first));
    double time = begin;
    for (const Stage& stage : stages) {
      if (stage.us <= 0) continue;
      add(mark("b", stage.name, time));
      time += stage.us;
      add(mark("e", stage.name, time));
    }
    add(mark("e", name, time));
  }

  Json links_of(const std::vector<const TracedJob*>& jobs) const {
    Json links = Json::array();
    for (const TracedJob* job : jobs) {
      Json link{{"job", job->id.to_string()}};
      // Version, trace id, parent id, flags: 2, 32, 16 and 2 digits.
      if (job->traceparent.size() == 55) {
        link["trace_id"] = job->traceparent.substr(3, 32);
        link["parent_id"] = job->traceparent.substr(36, 16);
      }
      links.push_back(std::move(link));
    }
    return links;
  }

  void add_batch(const TracedBatch& batch) {
    const auto& jobs = members_[batch.id];
    Json args{{"batch", batch.id},
              {"kind", records_.kinds[batch.kind]},
              {"queue", records_.queues[batch.queue]},
              {"jobs", batch.jobs},
              {"left", std::string(to_string(batch.reason))},
              {"retried", std::ranges::count(jobs, TracedEnd::retry, &TracedJob::end)},
              {"trace_id", hex(records_.seed) + hex(batch.id)},
              {"span_id", hex(records_.seed ^ batch.id)},
              {"links", links_of(jobs)}};
    add({{"ph", "X"},
         {"name", records_.kinds[batch.kind]},
         {"cat", "run"},
         {"pid", worker_process},
         {"tid", runners_[batch.id]},
         {"ts", at(batch.started)},
         {"dur", us_of(batch.ended - batch.started)},
         {"args", {{"batch", batch.id}, {"jobs", batch.jobs}, {"left", args["left"]}}}});
    TraceTime told = batch.ended;
    for (const TracedJob* job : jobs) {
      if (job->end != TracedEnd::untold) told = std::max(told, job->told);
    }
    const double credit = us_of(batch.credit);
    add_stages("batch", std::to_string(batch.id), "batch " + records_.kinds[batch.kind],
               at(batch.arrived),
               {{"hold", us_of(batch.started - batch.arrived) - credit},
                {"credit", credit},
                {"run", us_of(batch.ended - batch.started)},
                {"settle", us_of(told - batch.ended)}},
               std::move(args));
  }

  void add_job(const TracedJob& job) {
    const double credit = us_of(job.credit);
    // What a later attempt waited for before is mostly the earlier ones and the back-off.
    std::vector<Stage> stages{
        {job.attempt > 1 ? "earlier" : "before", at(job.arrived) - at_wall(job.enqueued_us)},
        {"hold", us_of(job.started - job.arrived) - credit},
        {"credit", credit},
        {"run", us_of(job.ended - job.started)}};
    if (job.end != TracedEnd::untold) stages.push_back({"settle", us_of(job.told - job.ended)});
    Json args{{"job", job.id.to_string()},
              {"kind", records_.kinds[job.kind]},
              {"queue", records_.queues[job.queue]},
              {"batch", job.batch},
              {"attempt", job.attempt},
              {"outcome", std::string(word_for(job.end))}};
    if (job.deliveries > 0) args["deliveries"] = job.deliveries;
    if (!job.traceparent.empty()) args["traceparent"] = job.traceparent;
    double total = 0;
    for (const Stage& stage : stages) {
      args["stage_us"][stage.name] = stage.us;
      total += stage.us;
    }
    if (job.end != TracedEnd::untold) args["total_us"] = total;
    add_stages(
        "job",
        job.id.to_string() + '/' + std::to_string(job.attempt) + '/' + std::to_string(job.batch),
        "job " + records_.kinds[job.kind], at_wall(job.enqueued_us), stages, std::move(args));
  }

  void add_arrow(const char* phase, const std::string& name, const std::string& id, int process,
                 std::size_t row, double when) {
    Json event{{"ph", phase},    {"name", name}, {"cat", "arrow"}, {"id", id},
               {"pid", process}, {"tid", row},   {"ts", when}};
    if (*phase == 'f') event["bp"] = "e";  // to the slice around it, not to the next one
    add(std::move(event));
  }

  void add_arrows(const JobId& id, std::vector<const TracedJob*>& attempts) {
    std::ranges::sort(attempts, {}, [](const TracedJob* job) { return job->started; });
    const std::string text = id.to_string();
    const TracedJob& first = *attempts.front();
    const double enqueued = at_wall(first.enqueued_us);
    add({{"ph", "X"},
         {"name", records_.kinds[first.kind]},
         {"cat", "enqueue"},
         {"pid", producer_process},
         {"tid", 1},
         {"ts", enqueued},
         {"dur", 1},
         {"args", {{"job", text}}}});
    add_arrow("s", "enqueued", text, producer_process, 1, enqueued);
    add_arrow("f", "enqueued", text, worker_process, runners_[first.batch], at(first.started));
    for (std::size_t i = 1; i < attempts.size(); ++i) {
      const std::string retry = text + '/' + std::to_string(i);
      add_arrow("s", "retry", retry, worker_process, runners_[attempts[i - 1]->batch],
                at(attempts[i - 1]->started));
      add_arrow("f", "retry", retry, worker_process, runners_[attempts[i]->batch],
                at(attempts[i]->started));
    }
  }

  const TraceRecords& records_;
  const std::int64_t start_us_;
  Json events_ = Json::array();
  std::map<std::uint64_t, std::vector<const TracedJob*>> members_;  ///< of each batch
  std::map<JobId, std::vector<const TracedJob*>> attempts_;
  std::map<std::uint64_t, std::size_t> runners_;  ///< of each batch
};

}  // namespace

std::string trace_text(const TraceRecords& records) { return TraceWriter(records).write(); }

}  // namespace ferry::detail
