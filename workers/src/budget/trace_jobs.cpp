#include "budget/trace_jobs.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ferry/error.hpp"

namespace ferry::budget {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::string& why) { throw Error(ErrorCode::invalid_argument, why); }

JobTimes times_of(const json& args) {
  JobTimes job;
  job.queue = args.at("queue");
  job.kind = args.at("kind");
  for (const auto& [name, us] : args.at("stage_us").items()) {
    const auto stage = std::ranges::find(stage_names, name);
    if (stage == stage_names.end())
      refuse("it names a stage \"" + name + "\" that is unknown here");
    job.us[static_cast<std::size_t>(stage - stage_names.begin())] = us;
  }
  return job;
}

TraceJobs read(const json& trace) {
  if (trace.contains("runs") || trace.contains("policies")) {
    refuse(
        "it is a comparison, which knows the mean stage times of its runs but not those of single "
        "jobs; set WorkerOptions::trace_file and give the trace");
  }
  const json& about = trace.at("otherData");
  if (about.value("made_by", "") != "ferry") refuse("it is a trace, but not one of Ferry's");
  if (about.at("format") != 1) refuse("it is a trace of another version of Ferry");
  TraceJobs found;
  found.worker = about.at("worker");
  found.one_job_in = about.at("one_job_in");
  for (const json& event : trace.at("traceEvents")) {
    if (event.at("ph") != "b" || event.value("cat", "") != "job" || !event.contains("args")) {
      continue;
    }
    if (event.at("args").at("outcome") == "done") {
      found.jobs.push_back(times_of(event.at("args")));
    } else {
      ++found.others;
    }
  }
  return found;
}

}  // namespace

TraceJobs jobs_of_trace(std::string_view text) {
  const json trace = json::parse(text, nullptr, false);
  if (trace.is_discarded() || !trace.is_object()) refuse("it is no JSON object");
  try {
    return read(trace);
  } catch (const json::exception&) {
    refuse("it is JSON, but no trace that Ferry has written");
  }
}

}  // namespace ferry::budget
