#include "flow/live/live_run.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>

#include "ferry/private_redis.hpp"
#include "flow/live/command_log.hpp"
#include "flow/live/worker_process.hpp"
#include "flow/mix/mix_json.hpp"
#include "redis/connection.hpp"
#include "scratch_folder.hpp"
#include "support/wait.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto time_to_end = 60s;
constexpr auto look_every = 5ms;

struct IdHash {
  std::size_t operator()(const JobId& id) const {
    return std::hash<std::string_view>()(
        {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
  }
};

class LiveRun {
 public:
  LiveRun(const Mix& mix, const LiveOptions& options)
      : mix_(mix),
        options_(options),
        redis_(PrivateRedisOptions{
            .arguments = {"--slowlog-log-slower-than", "-1", "--slowlog-max-len", "100000"}}),
        meter_(reach()) {
    evidence_.schedule = schedule_of(mix);
    std::ofstream(folder_.file("mix.json")) << json_of(mix).dump(1);
    producers_.emplace(reach(), mix_, evidence_.schedule);
    for (std::size_t i = 0; i < mix.queue_weights.size(); ++i) {
      queues_.emplace_back(reach(), queue_name(i));
    }
  }

  LiveEvidence run() {
    start_workers(0, "idle");
    watch_idle();
    const bool stored_first =
        std::ranges::any_of(mix_.kinds, [](const MixKind& kind) { return kind.stored_first; });
    began_ = Clock::now();
    if (options_.kill_first || stored_first) end_workers();
    if (options_.tap) tap_.emplace(reach(), queue_names());
    if (stored_first) {
      producers_->start(true, began_);
      producers_->join();
    }
    if (options_.slow_log) log_commands_above("200");
    if (options_.trace) log_.emplace(reach());
    evidence_.began = now();
    if (options_.kill_first) kill_first();
    if (workers_.empty()) start_workers(options_.kill_first ? 1 : 0, "worker");
    producers_->start(false, began_);
    wait_for_end();
    finish();
    return std::move(evidence_);
  }

 private:
  RedisOptions reach() const {
    RedisOptions options;
    options.url = redis_.url();
    options.command_timeout = 60s;
    return options;
  }

  Moment now() const { return Clock::now() - began_; }

  std::vector<std::string> queue_names() const {
    std::vector<std::string> names;
    for (const Queue& queue : queues_) names.push_back(queue.name());
    return names;
  }

  void complain(std::string sentence) { evidence_.complaints.push_back(std::move(sentence)); }

  void start_workers(std::size_t from, const std::string& name) {
    for (std::size_t i = from; i < mix_.workers.size(); ++i) {
      workers_.push_back(std::make_unique<WorkerProcess>(redis_.url(), folder_.path(), i,
                                                         name + std::to_string(i)));
    }
  }

  /// Every worker stands in every queue's list.
  void wait_until_registered() {
    const auto registered = [&] {
      return std::ranges::all_of(queues_, [&](Queue& queue) {
        return queue.counts().workers >= static_cast<std::int64_t>(workers_.size());
      });
    };
    if (!test::eventually(registered, 30s)) complain("not every worker came to life");
  }

  void watch_idle() {
    wait_until_registered();
    meter_.start();
    const auto from = Clock::now();
    std::this_thread::sleep_for(options_.idle_watch);  // measured: what nothing to do costs
    for (const auto& [name, calls] : meter_.since_start().commands) {
      evidence_.idle_commands += calls;
    }
    evidence_.idle_watched = Clock::now() - from;
    evidence_.workers.resize(mix_.workers.size());
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      evidence_.workers[i].idle_rss_kib = workers_[i]->rss_kib();
    }
  }

  void end_workers() {
    for (const auto& worker : workers_) {
      const std::string wrong = worker->end(time_to_end);
      if (!wrong.empty()) complain("a worker " + wrong);
    }
    workers_.clear();
  }

  /// From here on; what was stored first is not looked at.
  void log_commands_above(const char* us) {
    redis::Connection admin(reach());
    admin.call({"CONFIG", "SET", "slowlog-log-slower-than", us});
    admin.call({"SLOWLOG", "RESET"});
  }

  void kill_first() {
    first_ = std::make_unique<WorkerProcess>(redis_.url(), folder_.path(), 0, "worker0");
    // It holds all that it fetches once it has fetched no more for a while.
    std::int64_t held = -1;
    auto since = Clock::now();
    const auto is_full = [&] {
      const std::int64_t seen = first_->note().fetched_jobs;
      if (seen != held) since = Clock::now();
      held = seen;
      return held > 0 && Clock::now() - since > 1s;
    };
    if (!test::eventually(is_full, 120s)) complain("the first worker fetched nothing");
    evidence_.workers[0].note = first_->note();
    evidence_.workers[0].peak_rss_kib = first_->peak_rss_kib();
    first_->kill();
  }

  std::size_t done() const {
    std::int64_t done = first_ == nullptr ? 0 : first_->note().done;
    for (const auto& worker : workers_) done += worker->note().done;
    return static_cast<std::size_t>(done);
  }

  void wait_for_end() {
    const Moment length = mix_.length;
    const auto look = [&] {
      for (const auto& worker : workers_) {
        if (worker->has_ended()) {
          complain("a worker ended by itself");
          return true;
        }
      }
      return false;
    };
    bool cut = false;
    if (mix_.drains) {
      std::thread joining([&] { producers_->join(); });
      const auto all = evidence_.schedule.size();
      const auto drained = [&] { return done() >= all || look(); };
      evidence_.drained =
          test::eventually(drained, std::chrono::duration_cast<std::chrono::milliseconds>(length) +
                                        options_.drain_within);
      producers_->stop();
      joining.join();
      if (!evidence_.drained) complain("the queues did not drain");
    } else {
      while (now() < length && !cut) {
        std::this_thread::sleep_for(look_every);
        cut = look();
      }
      producers_->stop();
      producers_->join();
    }
    evidence_.ended = now();
  }

  void finish() {
    if (options_.slow_log) read_slow_log();
    if (options_.trace) {
      log_->stop();
      evidence_.commands = log_->commands();
    }
    const std::size_t first = mix_.workers.size() - workers_.size();
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      evidence_.workers[first + i].peak_rss_kib = workers_[i]->peak_rss_kib();
    }
    std::vector<std::string> files;
    if (first_ != nullptr) files.push_back(first_->runs_path());
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      const std::string wrong = workers_[i]->end(time_to_end);
      if (!wrong.empty()) complain("a worker " + wrong);
      evidence_.workers[first + i].note = workers_[i]->note();
      files.push_back(workers_[i]->runs_path());
    }
    evidence_.sent = producers_->sent();
    evidence_.counts = producers_->counts();
    read_runs(files);
    if (options_.tap) read_tap();
    for (Queue& queue : queues_) evidence_.audits.push_back(queue.audit());
    check_books();
  }

  void read_slow_log() {
    redis::Connection admin(reach());
    const redis::ReplyPtr log = admin.call({"SLOWLOG", "GET", "-1"});
    for (const redis::Reply& entry : log->root()) {
      if (entry[2].integer <= evidence_.slowest_us) continue;
      evidence_.slowest_us = entry[2].integer;
      evidence_.slowest_command = entry[3][0].text;
      if (entry[3].size > 1) evidence_.slowest_command += " " + std::string(entry[3][1].text);
    }
    measure_plain(admin);
  }

  /// HGET and XADD of the largest payload's bytes, on the same server.
  void measure_plain(redis::Connection& admin) {
    const std::size_t bytes =
        std::ranges::max(mix_.kinds, {}, &MixKind::payload_bytes).payload_bytes;
    admin.call({"HSET", "plain:hash", "f", std::string(bytes, 'x')});
    admin.call({"CONFIG", "SET", "slowlog-log-slower-than", "0"});
    std::vector<std::int64_t> times;
    for (int i = 0; i < 60; ++i) {
      admin.call({"SLOWLOG", "RESET"});
      const redis::ReplyPtr read = admin.call({"HGET", "plain:hash", "f"});
      admin.call({"XADD", "plain:stream", "*", "e", read->root().text});
      const redis::ReplyPtr log = admin.call({"SLOWLOG", "GET", "-1"});
      std::int64_t sum = 0;
      for (const redis::Reply& entry : log->root()) {
        const std::string_view command = entry[3][0].text;
        if (command == "HGET" || command == "XADD") sum += entry[2].integer;
      }
      times.push_back(sum);
      admin.call({"DEL", "plain:stream"});
    }
    admin.call({"DEL", "plain:hash"});
    admin.call({"CONFIG", "SET", "slowlog-log-slower-than", "-1"});
    std::ranges::sort(times);
    evidence_.plain_us = times[times.size() / 2];
    evidence_.most_plain_us = times.back();
  }

  void read_runs(const std::vector<std::string>& files) {
    const std::int64_t zero = std::chrono::nanoseconds(began_.time_since_epoch()).count();
    Trace& trace = evidence_.trace;
    evidence_.jobs.resize(evidence_.schedule.size());
    for (std::size_t i = 0; i < evidence_.schedule.size(); ++i) {
      const PlannedJob& planned = evidence_.schedule[i];
      const SentJob& sent = evidence_.sent[i];
      const bool is_stored = sent.stored >= Moment{0};
      trace.jobs.push_back(
          {planned.kind, planned.key, static_cast<std::uint8_t>(planned.priority),
           is_stored ? std::max({sent.stored, planned.due, evidence_.began}) : Moment::max(),
           no_call});
    }
    const std::size_t first = mix_.workers.size() - files.size();
    for (std::size_t worker = 0; worker < files.size(); ++worker) {
      std::unordered_map<std::uint64_t, std::uint32_t> calls;
      for (const RunRecord& run : read_records<RunRecord>(files[worker])) {
        const auto [at, is_new] =
            calls.try_emplace(run.call, static_cast<std::uint32_t>(trace.calls.size()));
        if (is_new) {
          trace.calls.push_back({static_cast<std::uint32_t>(first + worker), run.kind, run.jobs,
                                 Moment{run.begin_ns - zero}, Moment{run.end_ns - zero}});
        }
        JobEvidence& job = evidence_.jobs[run.number];
        TracedJob& traced = trace.jobs[run.number];
        ++job.runs;
        const Moment begin = trace.calls[at->second].begin;
        if (traced.call == no_call || begin < trace.calls[traced.call].begin) {
          traced.call = at->second;
        }
        // The answer to its producer came later than its handler: it was stored before that.
        traced.ready = std::min(traced.ready, begin);
      }
    }
  }

  void read_tap() {
    tap_->stop();
    evidence_.entries_missed = tap_->missed();
    std::unordered_map<JobId, std::uint32_t, IdHash> numbers;
    for (std::uint32_t i = 0; i < evidence_.sent.size(); ++i) {
      if (evidence_.sent[i].stored >= Moment{0}) numbers.emplace(evidence_.sent[i].id, i);
    }
    evidence_.entries = tap_->entries();
    for (std::uint32_t i = 0; i < evidence_.entries.size(); ++i) {
      for (const JobId& id : evidence_.entries[i].jobs) {
        const auto at = numbers.find(id);
        if (at != numbers.end()) evidence_.jobs[at->second].entries.push_back(i);
      }
    }
  }

  /// What must hold however fast anything was.
  void check_books() {
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      for (const std::string& wrong : evidence_.audits[i].violations) {
        complain("audit of " + queues_[i].name() + ": " + wrong);
      }
    }
    for (const WorkerEvidence& worker : evidence_.workers) {
      if (worker.note.credits_off > 0) complain("a worker's credits out and free were not all");
    }
    if (evidence_.counts.refused > 0) {
      complain("a producer was refused: " + evidence_.counts.first_error);
    }
    std::int64_t accepted = 0;
    for (const AuditReport& audit : evidence_.audits) accepted += audit.counts.accepted;
    if (accepted != static_cast<std::int64_t>(evidence_.stored())) {
      complain("accepted " + std::to_string(accepted) + ", stored by the producers' word " +
               std::to_string(evidence_.stored()));
    }
    if (evidence_.drained && evidence_.lost() > 0) {
      complain(std::to_string(evidence_.lost()) + " jobs are lost");
    }
    if (!options_.kill_first && evidence_.run_twice() > 0) {
      complain(std::to_string(evidence_.run_twice()) + " jobs ran twice");
    }
  }

  const Mix& mix_;
  const LiveOptions& options_;
  ScratchFolder folder_;
  PrivateRedis redis_;
  test::ServerMeter meter_;
  std::vector<Queue> queues_;
  LiveEvidence evidence_;
  std::optional<EntryTap> tap_;
  std::optional<CommandLog> log_;
  std::optional<Producers> producers_;
  std::vector<std::unique_ptr<WorkerProcess>> workers_;
  std::unique_ptr<WorkerProcess> first_;  ///< the one that is killed
  Clock::time_point began_;
};

}  // namespace

std::size_t LiveEvidence::stored() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(sent, [](const SentJob& job) { return job.stored >= Moment{0}; }));
}

std::size_t LiveEvidence::lost() const {
  std::size_t lost = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    lost += sent[i].stored >= Moment{0} && jobs[i].runs == 0 ? 1 : 0;
  }
  return lost;
}

std::size_t LiveEvidence::run_twice() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(jobs, [](const JobEvidence& job) { return job.runs > 1; }));
}

LiveEvidence run_live(const Mix& mix, const LiveOptions& options) {
  return LiveRun(mix, options).run();
}

}  // namespace ferry::flow
