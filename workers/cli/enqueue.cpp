#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <deque>

#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/parts/job_line.hpp"
#include "cli/parts/line_reader.hpp"
#include "cli/parts/units.hpp"
#include "cli/views.hpp"
#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "wire/names.hpp"

namespace ferry::cli {
namespace {

using std::chrono::steady_clock;

/// Jobs under way. Enough to fill many envelopes while a reply is on its way; little memory.
constexpr std::size_t most_under_way = 20'000;
constexpr std::size_t buffer_bytes = 16 * 1024 * 1024;
/// A file is read slower than Redis answers; without it envelopes would hold few jobs each.
constexpr auto linger = std::chrono::milliseconds{2};

struct Arguments {
  std::string name;
  std::string file;
  std::string timeout = "30s";
  std::string durability = "fast";
  std::string payload_keys;
  bool strict = false;
};

/// Standard input, or a file that is closed in the end.
class Input {
 public:
  explicit Input(const std::string& path) {
    if (path.empty() || path == "-") return;
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) {
      const std::error_code error(errno, std::generic_category());
      throw Failure(exit_usage, "--file " + path + " cannot be opened: " + error.message());
    }
    struct stat about {};
    if (::fstat(descriptor_, &about) == 0 && S_ISDIR(about.st_mode)) {
      ::close(descriptor_);
      throw Failure(exit_usage, "--file " + path + " is a folder; name a file of NDJSON");
    }
    if (S_ISREG(about.st_mode)) bytes_ = about.st_size;
  }
  ~Input() {
    if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  int descriptor() const { return descriptor_; }
  /// 0 = not known.
  std::int64_t bytes() const { return bytes_; }

 private:
  int descriptor_ = STDIN_FILENO;
  std::int64_t bytes_ = 0;
};

/// Whether every later job would meet the same error.
bool is_lasting(ErrorCode code) {
  const Exit exit = exit_of(code);
  return exit == exit_unreachable || exit == exit_refused || code == ErrorCode::stopped ||
         code == ErrorCode::internal;
}

/// Reads lines, keeps a bounded number of jobs under way and counts what became of them.
class Enqueuer {
 public:
  Enqueuer(Session& session, const Arguments& arguments, std::chrono::milliseconds timeout)
      : output_(session.output()),
        arguments_(arguments),
        input_(arguments.file),
        reader_(input_.descriptor(), max_line_bytes,
                [this] { return interrupt_.wait_readable(input_.descriptor()); }),
        client_(client_options(session.redis(), timeout)) {}

  int run() {
    if (input_.descriptor() == STDIN_FILENO && ::isatty(STDIN_FILENO) == 1) {
      output_.warning("reading jobs from the terminal, one JSON object a line; Ctrl-D ends");
    }
    std::string line;
    while (!over_) {
      const LineReader::Result result = reader_.next(line);
      if (result == LineReader::Result::end) break;
      if (result == LineReader::Result::stopped) {
        stopped_ = true;
        interrupt_.let_through();
        break;
      }
      take(line, result == LineReader::Result::too_long);
      while (!under_way_.empty() && !over_ &&
             (under_way_.size() >= most_under_way || under_way_.front().receipt.ready())) {
        settle_oldest();
      }
      show_progress();
    }
    while (!under_way_.empty()) {
      settle_oldest();
      show_progress();
    }
    summarize();
    return exit_code();
  }

 private:
  struct UnderWay {
    std::uint64_t line;
    Receipt receipt;
  };

  ClientOptions client_options(const RedisOptions& redis, std::chrono::milliseconds timeout) {
    ClientOptions options;
    options.redis = redis;
    options.queue = arguments_.name;
    options.block_timeout = timeout;
    options.durability = Durability::parse(arguments_.durability);
    options.payload_keys_file = arguments_.payload_keys;
    options.linger = linger;
    options.buffer_jobs = most_under_way;
    options.buffer_bytes = buffer_bytes;
    options.on_loss = [this](const Loss& loss) { lost_jobs_ += loss.lost_jobs; };
    return options;
  }

  void take(const std::string& line, bool too_long) {
    if (too_long) {
      refuse_line({"", "longer than " + format_bytes(static_cast<std::int64_t>(max_line_bytes)) +
                           "; put the data elsewhere and its address into the payload"});
      return;
    }
    if (line.find_first_not_of(" \t") == std::string::npos) return;
    auto parsed = parse_job_line(line);
    if (const auto* error = std::get_if<LineError>(&parsed)) {
      refuse_line(*error);
      return;
    }
    const JobLine& job = std::get<JobLine>(parsed);
    try {
      under_way_.push_back({reader_.line_number(),
                            client_.enqueue_packed_async(job.kind, job.payload, job.options)});
    } catch (const Error& error) {
      job_failed(reader_.line_number(), error);
    }
  }

  void refuse_line(const LineError& error) {
    ++failed_;
    nlohmann::json details{{"line", reader_.line_number()}};
    if (!error.field.empty()) details["field"] = error.field;
    output_.error("line " + std::to_string(reader_.line_number()) + ": " + error.message,
                  std::move(details));
    if (arguments_.strict) {
      over_ = true;
      input_was_bad_ = true;
    }
  }

  void settle_oldest() {
    const UnderWay oldest = std::move(under_way_.front());
    under_way_.pop_front();
    const EnqueueResult result = oldest.receipt.get();
    if (result) {
      ++enqueued_;
    } else {
      job_failed(oldest.line, *result.error);
    }
  }

  void job_failed(std::uint64_t line, const Error& error) {
    if (error.code() == ErrorCode::unconfirmed) {
      ++unconfirmed_;
    } else if (error.code() == ErrorCode::outcome_unknown) {
      ++unknown_;
    } else {
      ++failed_;
    }
    const bool lasting = is_lasting(error.code());
    // Thousands under way meet the same end; one line about it is enough.
    if (lasting && lasting_exit_ != exit_ok) return;
    if (lasting) {
      over_ = true;
      lasting_exit_ = exit_of(error.code());
    }
    if (arguments_.strict) over_ = true;
    output_.error("line " + std::to_string(line) + ": " + error.what(),
                  {{"line", line}, {"code", to_string(error.code())}});
  }

  double seconds() const {
    return std::chrono::duration<double>(steady_clock::now() - begun_).count();
  }

  double rate() const { return static_cast<double>(enqueued_) / std::max(seconds(), 1e-6); }

  void show_progress() {
    // The clock is not free at a million lines a second.
    if (++turns_ % 64 != 0 && under_way_.size() > 1) return;
    std::string text = jobs_text(enqueued_) + " enqueued";
    if (failed_ > 0) text += ", " + format_count(failed_) + " failed";
    text += ", " + format_rate(rate()) + "/s";
    if (input_.bytes() > 0) {
      text +=
          ", " +
          std::to_string(100 * static_cast<std::int64_t>(reader_.bytes_read()) / input_.bytes()) +
          "% read";
    }
    output_.progress(text);
  }

  void summarize() {
    if (output_.is_json()) {
      output_.print({{"queue", arguments_.name},
                     {"lines", reader_.line_number()},
                     {"enqueued", enqueued_},
                     {"failed", failed_},
                     {"unknown", unknown_},
                     {"unconfirmed", unconfirmed_},
                     {"lost", lost_jobs_.load()},
                     {"seconds", seconds()},
                     {"jobs_per_second", rate()}});
    } else {
      std::string text = "Enqueued " + jobs_text(enqueued_) + " into " + arguments_.name;
      text += ", " + format_count(failed_) + " failed";
      if (unknown_ > 0) text += ", " + format_count(unknown_) + " stored or not, nobody knows";
      if (unconfirmed_ > 0) {
        text += ", " + format_count(unconfirmed_) + " stored but not as --durability asks";
      }
      text += "; " + format_rate(rate()) + "/s in " +
              format_duration(std::chrono::milliseconds{std::llround(seconds() * 1000)}) + ".";
      output_.line(text);
    }
    if (lost_jobs_ > 0) {
      output_.warning("Redis lost " + jobs_text(lost_jobs_) +
                      " that it had acknowledged, after a failover or a restart without fsync; "
                      "they are among those enqueued here. --durability replicated:1 waits for a "
                      "replica");
    }
    if (stopped_ || over_) {
      output_.warning("stopped after line " + std::to_string(reader_.line_number()) +
                      "; what follows was not read");
    }
  }

  int exit_code() const {
    if (lasting_exit_ != exit_ok) return lasting_exit_;
    if (input_was_bad_) return exit_usage;
    return failed_ + unknown_ + unconfirmed_ + lost_jobs_ > 0 || stopped_ ? exit_found_wrong
                                                                          : exit_ok;
  }

  Output& output_;
  const Arguments& arguments_;
  Interrupt interrupt_;  // before the client, whose threads must not take the signals
  Input input_;
  LineReader reader_;
  std::atomic<std::int64_t> lost_jobs_ = 0;  // before the client, whose thread counts
  Client client_;
  std::deque<UnderWay> under_way_;
  const steady_clock::time_point begun_ = steady_clock::now();
  std::int64_t enqueued_ = 0;
  std::int64_t failed_ = 0;
  std::int64_t unknown_ = 0;
  std::int64_t unconfirmed_ = 0;
  std::uint64_t turns_ = 0;
  Exit lasting_exit_ = exit_ok;
  bool input_was_bad_ = false;
  bool over_ = false;
  bool stopped_ = false;
};

int enqueue(Session& session, const Arguments& arguments) {
  wire::require_name("queue", arguments.name);
  const auto timeout = parse_duration(arguments.timeout);
  if (!timeout || *timeout > std::chrono::hours{1}) {
    throw Failure(exit_usage, "--timeout is \"" + arguments.timeout + "\"; " +
                                  std::string(duration_expected) + ", at most 1h");
  }
  // A Redis that is away now is told at once; one that goes away later is waited for.
  session.queues().connect();
  return Enqueuer(session, arguments, *timeout).run();
}

constexpr const char* footer = R"(One JSON object a line:
  kind            what handler runs it: 1 to 64 of A-Z a-z 0-9 _ . -
  payload         any JSON; stored as msgpack
and if wanted:
  priority        "high", "normal" or "low"
  run_after       not before, as in "5s"
  expires_after   dropped when not begun by then, as in "1h"
  max_attempts    1 to 1000; the worker's default when not given
  batch_key       only jobs with equal keys share a batch
  headers         {"name": "text", …}
  traceparent     W3C trace context
  latency_budget  to be settled within, as in "50ms", where the worker's policy is one

Examples:
  echo '{"kind": "send_mail", "payload": {"to": "a@example.org"}}' | ferry enqueue mail
  ferry enqueue mail --file jobs.ndjson
  jq -c '{kind: "send_mail", payload: .}' people.ndjson | ferry enqueue mail

A bad line is told with its number and field on standard error and the others go on; then the exit
code is 1. With --strict the first bad line ends it with 2; the lines before it are enqueued.)";

}  // namespace

void add_enqueue(CLI::App& program, Command& chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb =
      program.add_subcommand("enqueue", "Enqueue jobs, one JSON object a line on standard input");
  verb->add_option("NAME", arguments->name, "The queue; it begins with its first job")
      ->type_name("")
      ->required();
  verb->add_option("--file", arguments->file, "Read this file instead of standard input")
      ->type_name("FILE");
  verb->add_flag("--strict", arguments->strict, "Stop at the first bad line");
  verb->add_option("--timeout", arguments->timeout, "How long to wait for a Redis that went away")
      ->type_name("TIME")
      ->capture_default_str();
  verb->add_option("--durability", arguments->durability,
                   "When a job counts as enqueued: fast (Redis has it), replicated:N (N replicas "
                   "too), synced (on disk)")
      ->type_name("LEVEL")
      ->capture_default_str();
  verb->add_option("--payload-keys", arguments->payload_keys,
                   "Seal payloads with the first key of this file, see `ferry key`")
      ->type_name("FILE");
  verb->footer(footer);
  verb->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return enqueue(session, *arguments); };
  });
}

}  // namespace ferry::cli
