#include "cli/views.hpp"

#include <array>
#include <ctime>

#include "cli/parts/text.hpp"
#include "cli/parts/units.hpp"
#include "wire/names.hpp"

namespace ferry::cli {
namespace {

using nlohmann::json;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr std::size_t reason_width = 60;
/// A kind has 64 characters at most; an envelope that cannot be decoded may name several.
constexpr std::size_t kind_width = 80;

std::int64_t since_1970_ms(system_clock::time_point when) {
  return duration_cast<milliseconds>(when.time_since_epoch()).count();
}

bool known(system_clock::time_point when) { return when != system_clock::time_point{}; }

std::string time_until(system_clock::time_point when) {
  const auto left = duration_cast<milliseconds>(when - system_clock::now());
  return left.count() <= 0 ? "due" : "in " + format_duration(left);
}

std::string counted(std::int64_t count, const char* one, const char* many) {
  return format_count(count) + ' ' + (count == 1 ? one : many);
}

}  // namespace

json counts_json(const QueueCounts& counts) {
  return {{"accepted", counts.accepted},
          {"waiting", counts.waiting},
          {"leased", counts.leased},
          {"delayed", counts.delayed},
          {"dead", counts.dead},
          {"done", counts.done},
          {"expired", counts.expired},
          {"cancelled", counts.cancelled},
          {"bytes", counts.bytes},
          {"envelopes", counts.envelopes},
          {"workers", counts.workers},
          {"oldest_age_ms", counts.oldest_age.count()},
          {"silent_workers", counts.silent_workers},
          {"longest_silence_ms", counts.longest_silence.count()},
          {"oldest_leased_ms", counts.oldest_leased.count()},
          {"paused", counts.paused}};
}

json error_json(const Error& error) {
  return {{"code", to_string(error.code())}, {"message", error.what()}};
}

json look_json(const QueueLook& look) {
  json value = look.counts ? counts_json(*look.counts) : json::object();
  value["name"] = look.name;
  if (!wire::is_name(look.name)) value["name_hex"] = hex(look.name);
  if (look.error) {
    value["error"] = error_json(*look.error);
    if (!look.key.empty()) value["error"]["key"] = look.key;
  }
  return value;
}

std::string trouble_of(const QueueLook& look) {
  if (!look.error) return {};
  const std::string trouble = look.error->what();
  if (wire::is_name(look.name)) return trouble;
  constexpr std::size_t most_shown = 64;
  return trouble + "; remove it with `ferry queue forget --hex " +
         (look.name.size() > most_shown ? "…`, see name_hex of --output json"
                                        : (look.name.empty() ? "''" : hex(look.name)) + "`");
}

std::string notes_of(const QueueCounts& counts) {
  // Shorter runs are common, and nothing to look at.
  constexpr std::chrono::seconds long_run{30};
  std::string notes = counts.paused ? "paused" : "";
  const auto add = [&notes](const std::string& note) {
    notes += (notes.empty() ? "" : ", ") + note;
  };
  if (counts.silent_workers > 0) {
    add(counted(counts.silent_workers, "worker", "workers") + " silent for " +
        format_duration(counts.longest_silence));
  }
  if (counts.leased > 0 && counts.oldest_leased >= long_run) {
    add("leased for " + format_duration(counts.oldest_leased));
  }
  return notes;
}

std::string kind_text(const JobInfo& job) {
  if (!job.kind.empty()) return job.kind;
  std::string text = "(undecodable)";
  for (std::size_t i = 0; i < job.kinds.size(); ++i) {
    text += (i == 0 ? " " : ", ") + job.kinds[i];
  }
  return text;
}

json job_json(const JobInfo& job) {
  json value{{"id", job.id.to_string()},           {"kind", job.kind},
             {"state", to_string(job.state)},      {"priority", to_string(job.priority)},
             {"payload_bytes", job.payload_bytes}, {"attempts", job.attempts},
             {"deliveries", job.deliveries}};
  if (known(job.enqueued_at)) value["enqueued_at_ms"] = since_1970_ms(job.enqueued_at);
  if (known(job.due_at)) value["due_at_ms"] = since_1970_ms(job.due_at);
  if (known(job.died_at)) value["died_at_ms"] = since_1970_ms(job.died_at);
  if (!job.kinds.empty()) value["kinds"] = job.kinds;
  if (!job.sealed_with.empty()) value["sealed_with"] = job.sealed_with;
  if (!job.worker.empty()) value["worker"] = job.worker;
  if (!job.reason.empty()) value["reason"] = job.reason;
  if (!job.headers.empty()) value["headers"] = job.headers;
  if (!job.traceparent.empty()) value["traceparent"] = job.traceparent;
  if (!job.batch_key.empty()) value["batch_key"] = job.batch_key;
  return value;
}

json filter_json(const DeadFilter& only) {
  json value = json::object();
  if (!only.kind.empty()) value["kind"] = only.kind;
  if (!only.reason.empty()) value["text"] = only.reason;
  return value;
}

std::string filter_text(const DeadFilter& only) {
  std::string text;
  if (!only.kind.empty()) text += " of kind " + printable(only.kind);
  if (!only.reason.empty()) text += " whose reason contains \"" + printable(only.reason) + '"';
  return text;
}

void add_filter(CLI::App& verb, DeadFilter& only) {
  const auto no_nothing = [](const std::string& text) {
    return text.empty() ? std::string("expected some text") : std::string();
  };
  verb.add_option("--kind", only.kind, "Only jobs of this kind")
      ->type_name("KIND")
      ->check(no_nothing);
  verb.add_option("--reason", only.reason, "Only those whose reason contains this text")
      ->type_name("TEXT")
      ->check(no_nothing);
}

Table jobs_table(JobState state, const std::vector<JobInfo>& jobs, bool whole) {
  std::vector<Table::Column> columns{
      {"ID"}, {"KIND", Align::left, whole ? 0 : kind_width}, {"PRIORITY"}, {"AGE", Align::right}};
  if (state == JobState::leased) columns.push_back({"WORKER"});
  if (state == JobState::delayed) columns.push_back({"RUNS", Align::right});
  if (state == JobState::dead) columns.push_back({"DIED", Align::right});
  columns.insert(columns.end(), {{"ATTEMPTS", Align::right}, {"SIZE", Align::right}});
  const bool with_reason = state == JobState::dead || state == JobState::delayed;
  if (with_reason) columns.push_back({"REASON", Align::left, whole ? 0 : reason_width});
  Table table(std::move(columns));
  for (const JobInfo& job : jobs) {
    std::vector<Cell> row{job.id.to_string(),
                          Cell(kind_text(job), job.kind.empty() ? Style::red : Style::plain),
                          std::string(to_string(job.priority)), age_of(job.enqueued_at)};
    if (state == JobState::leased) row.emplace_back(job.worker);
    if (state == JobState::delayed) row.emplace_back(time_until(job.due_at));
    if (state == JobState::dead) row.emplace_back(age_of(job.died_at));
    row.emplace_back(std::to_string(job.attempts));
    row.emplace_back(format_bytes(job.payload_bytes));
    if (with_reason) row.emplace_back(job.reason);
    table.add(std::move(row));
  }
  return table;
}

std::string age_of(system_clock::time_point when) {
  if (!known(when)) return "-";
  // Another machine's clock may be a little ahead of ours.
  return format_duration(
      std::max(milliseconds{0}, duration_cast<milliseconds>(system_clock::now() - when)));
}

std::string date_of(system_clock::time_point when) {
  if (!known(when)) return "-";
  const std::time_t seconds = system_clock::to_time_t(when);
  std::tm parts{};
  std::array<char, 32> text{};
  if (::gmtime_r(&seconds, &parts) == nullptr ||
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) {
    return "-";
  }
  return text.data();
}

std::string more_queues(std::int64_t more) {
  return "… and " + counted(more, "more queue", "more queues") + "; --limit lists more of them.";
}

void add_queue_limit(CLI::App& verb, std::size_t& limit) {
  verb.add_option("--limit", limit, "Queues to list, 1 to 100000")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
}

std::string jobs_text(std::int64_t count) { return counted(count, "job", "jobs"); }

std::string dead_letters_text(std::int64_t count) {
  return counted(count, "dead letter", "dead letters");
}

}  // namespace ferry::cli
