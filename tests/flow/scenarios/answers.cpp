#include "flow/scenarios/answers.hpp"

#include <algorithm>

namespace ferry::flow {
namespace {

std::int64_t most_within_a_second(std::vector<std::int64_t> at_ms) {
  std::ranges::sort(at_ms);
  std::int64_t most = 0;
  for (std::size_t from = 0, to = 0; to < at_ms.size(); ++to) {
    while (at_ms[to] - at_ms[from] >= 1000) ++from;
    most = std::max(most, static_cast<std::int64_t>(to - from + 1));
  }
  return most;
}

}  // namespace

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
  GiveBacks found;
  for (const JobEvidence& job : evidence.jobs) {
    if (job.entries_ms.size() < 2) continue;
    const auto again = static_cast<std::int64_t>(job.entries_ms.size()) - 1;
    found.all += again;
    found.most = std::max(found.most, again);
    // The first entry is the producer's.
    found.most_in_a_second =
        std::max(found.most_in_a_second,
                 most_within_a_second({job.entries_ms.begin() + 1, job.entries_ms.end()}));
  }
  return found;
}

double memory_mib(const WorkerEvidence& worker) {
  return static_cast<double>(worker.peak_rss_kib - worker.idle_rss_kib) / 1024;
}

}  // namespace ferry::flow
