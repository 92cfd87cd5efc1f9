#include "flow/scenarios/answers.hpp"

#include <algorithm>
#include <map>

namespace ferry::flow {

void must_be_sound(Sheet& sheet, const LiveEvidence& evidence) {
  sheet.must("sound", static_cast<std::int64_t>(evidence.complaints.size()));
  for (const std::string& complaint : evidence.complaints) sheet.note(complaint);
}

Mix with_measured_times(const Mix& mix, const Trace& trace) {
  Mix measured = mix;
  for (std::uint32_t kind = 0; kind < mix.kinds.size(); ++kind) {
    Moment over{0};
    std::int64_t calls = 0;
    for (const Call& call : trace.calls) {
      if (call.kind != kind) continue;
      const MixKind& meant = mix.kinds[kind];
      over += (call.end - call.begin) - meant.call_takes -
              meant.job_takes * static_cast<std::int64_t>(call.jobs);
      ++calls;
    }
    if (calls == 0) continue;
    const auto mean = std::chrono::duration_cast<std::chrono::microseconds>(over / calls);
    measured.kinds[kind].call_takes =
        std::max(std::chrono::microseconds{0}, mix.kinds[kind].call_takes + mean);
  }
  return measured;
}

Trace oracle_of(const Mix& mix, const LiveEvidence& evidence, bool urgent_before_share) {
  OracleSettings settings = oracle_settings_of(with_measured_times(mix, evidence.trace));
  settings.until = evidence.ended;
  settings.urgent_before_share = urgent_before_share;
  std::vector<TracedJob> jobs = evidence.trace.jobs;
  for (TracedJob& job : jobs) job.call = no_call;
  // Jobs that were never stored come when it is too late for them.
  return run_oracle(settings, std::move(jobs));
}

CommandUse commands_of(const LiveEvidence& evidence) {
  std::int64_t fetched = 0;
  for (const WorkerEvidence& worker : evidence.workers) fetched += worker.note.fetched_envelopes;
  return command_use(evidence.commands, fetched);
}

GiveBacks give_backs_of(const LiveEvidence& evidence) {
  std::int64_t not_seen = evidence.entries_missed;
  std::multimap<std::pair<std::string, std::string>, std::int64_t> aside;
  for (const SetAside& one : set_aside_by(evidence.commands, not_seen)) {
    aside.emplace(std::pair(one.stream, one.entry), 1000 * one.unix_s);
  }
  std::vector<GivenBack> given_back;
  for (std::uint32_t job = 0; job < evidence.jobs.size(); ++job) {
    bool first = true;  // the producer's own
    for (const std::uint32_t number : evidence.jobs[job].entries) {
      const EntryTap::Entry& entry = evidence.entries[number];
      if (!first) given_back.push_back({job, entry.added_ms()});
      first = false;
      const auto [from, to] = aside.equal_range({entry.stream, entry.id});
      for (auto at = from; at != to; ++at) given_back.push_back({job, at->second});
    }
  }
  GiveBacks found = count_give_backs(std::move(given_back));
  found.not_seen = not_seen;
  return found;
}

double memory_mib(const WorkerEvidence& worker) {
  return static_cast<double>(worker.peak_rss_kib - worker.idle_rss_kib) / 1024;
}

}  // namespace ferry::flow
