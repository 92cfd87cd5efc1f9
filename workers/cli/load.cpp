#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "cli/checks.hpp"
#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/parts/load_report.hpp"
#include "cli/parts/units.hpp"
#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "load/open_loop.hpp"
#include "load/trace.hpp"
#include "wire/limits.hpp"
#include "wire/names.hpp"

namespace ferry::cli {
namespace {

using load::OpenLoop;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Jobs without an answer, at most; what comes on top is dropped and counted.
constexpr std::size_t most_under_way = 100'000;
constexpr std::size_t buffer_bytes = 256 * 1024 * 1024;
/// How often somebody looks whether the program was asked to end.
constexpr milliseconds look_every{20};
/// Where no line can be redrawn.
constexpr std::chrono::seconds plain_line_every{5};

struct Arguments {
  std::string queue;
  std::string kind;
  double rate = 0;
  std::string shape = "poisson";
  std::string duration = "10s";
  std::string trace;
  std::size_t payload_bytes = 100;
  std::string payload_file;
  std::optional<std::uint64_t> seed;
  std::int64_t max_jobs = 0;
  std::string json;
};

std::string read_file(const std::string& option, const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in && text.empty()) throw Failure(exit_usage, option + " " + path + " cannot be read");
  return text;
}

/// The payload of every job, in msgpack.
std::string payload_of(const Arguments& arguments, std::uint64_t seed) {
  std::string packed;
  nlohmann::json value;
  if (!arguments.payload_file.empty()) {
    const std::string text = read_file("--payload-file", arguments.payload_file);
    value = nlohmann::json::parse(text, nullptr, false);
    if (value.is_discarded()) {
      throw Failure(exit_usage, "--payload-file " + arguments.payload_file +
                                    " is not JSON; it is stored as msgpack, as by `ferry enqueue`");
    }
  } else {
    // Random, or compression would make it less than was asked for.
    std::mt19937_64 random{seed};
    std::vector<std::uint8_t> bytes(arguments.payload_bytes);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    value = {{"data", nlohmann::json::binary(std::move(bytes))}};
  }
  nlohmann::json::to_msgpack(value, nlohmann::detail::output_adapter<char>(packed));
  if (packed.size() > wire::max_payload_bytes) {
    throw Failure(exit_usage, "the payload is larger than " +
                                  format_bytes(static_cast<std::int64_t>(wire::max_payload_bytes)));
  }
  return packed;
}

LoadPlan plan_of(const Arguments& arguments) {
  LoadPlan plan;
  plan.queue = arguments.queue;
  plan.kind = arguments.kind;
  plan.trace = arguments.trace;
  plan.seed = arguments.seed ? *arguments.seed : std::random_device{}();
  if (!plan.trace.empty()) return plan;
  const auto shape = load::parse_shape(arguments.shape);
  if (!shape) {
    throw Failure(exit_usage, "--shape is \"" + arguments.shape +
                                  "\"; expected constant, poisson, ramp, step, spike or soak");
  }
  plan.shape = *shape;
  const auto duration = parse_duration(arguments.duration);
  if (!duration || duration->count() == 0 || *duration > std::chrono::days{366}) {
    throw Failure(exit_usage, "--for is \"" + arguments.duration + "\"; " +
                                  std::string(duration_expected) + ", at most 366d");
  }
  plan.duration = *duration;
  if (arguments.rate == 0) {
    throw Failure(exit_usage, "--rate is missing; expected jobs a second, 0.001 to 1000000");
  }
  plan.rate = arguments.rate;
  return plan;
}

class LoadRun {
 public:
  LoadRun(Session& session, const Arguments& arguments)
      : output_(session.output()),
        arguments_(arguments),
        plan_(plan_of(arguments)),
        payload_(payload_of(arguments, plan_.seed)),
        client_(options_of(session)),
        loop_(most_under_way,
              [this](std::size_t) { return client_.enqueue_packed_async(plan_.kind, payload_); }) {}

  int run() {
    const load::Arrivals arrivals =
        plan_.trace.empty() ? load::arrivals_of(plan_.shape, plan_.rate, plan_.duration, plan_.seed)
                            : load::replay(plan_.trace);
    loop_.run(arrivals, [this](steady_clock::time_point until) { return wait(until); });
    interrupt_.let_through();
    const load::Figures figures = loop_.figures();
    const ClientStats stats = client_.stats();
    const nlohmann::json json = load_json(plan_, figures, stats);
    if (!arguments_.json.empty()) write_json(json);
    if (output_.is_json()) {
      output_.print(json);
    } else {
      output_.raw(load_text(plan_, figures, stats));
    }
    return load_succeeded(figures) ? exit_ok : exit_found_wrong;
  }

 private:
  ClientOptions options_of(Session& session) {
    ClientOptions options;
    options.redis = session.redis();
    options.queue = plan_.queue;
    options.when_full = WhenFull::reject;
    options.buffer_jobs = most_under_way;
    options.buffer_bytes = buffer_bytes;
    options.limits.max_jobs = arguments_.max_jobs;
    // So that a worker's latencies count from there too.
    options.clock = [this] { return loop_.intended(); };
    return options;
  }

  /// Returns: false when somebody asked for the end.
  bool wait(steady_clock::time_point until) {
    while (true) {
      const auto now = steady_clock::now();
      if (now >= next_look_) {
        next_look_ = now + look_every;
        show_progress(now);
        if (interrupt_.wait(milliseconds{0})) return false;
      }
      if (until <= now) return true;
      std::this_thread::sleep_until(std::min(until, next_look_));
    }
  }

  void show_progress(steady_clock::time_point now) {
    if (output_.is_json()) return;
    const bool plain = isatty(STDERR_FILENO) == 0;
    if (plain && now < next_plain_line_) return;
    const std::string text = load_progress(plan_, loop_.figures());
    if (plain) {
      const bool first = next_plain_line_ == steady_clock::time_point{};
      next_plain_line_ = now + plain_line_every;
      if (!first) std::fprintf(stderr, "%s\n", text.c_str());
    } else {
      output_.progress(text);
    }
  }

  void write_json(const nlohmann::json& json) const {
    std::ofstream out(arguments_.json);
    out << json.dump(2) << '\n';
    out.close();
    if (!out) throw Failure(exit_found_wrong, "--json " + arguments_.json + " cannot be written");
  }

  Output& output_;
  const Arguments& arguments_;
  Interrupt interrupt_;  // before the client, whose threads must not take the signals
  const LoadPlan plan_;
  const std::string payload_;
  Client client_;
  OpenLoop loop_;
  steady_clock::time_point next_look_;
  steady_clock::time_point next_plain_line_;
};

int load_command(Session& session, const Arguments& arguments) {
  wire::require_name("queue", arguments.queue);
  wire::require_name("--kind", arguments.kind);
  if (!arguments.json.empty() && !std::ofstream(arguments.json, std::ios::app)) {
    throw Failure(exit_usage, "--json " + arguments.json + " cannot be written");
  }
  plan_of(arguments);          // what is wrong with the command line, before Redis is asked
  session.queues().connect();  // a Redis that is away is told at once
  return LoadRun(session, arguments).run();
}

constexpr const char* footer =
    R"(The load is open: jobs are sent at times that were fixed beforehand, however slowly Redis answers, and
latency counts from those times. A worker's own latencies (enqueue to settled) count from there too.

Shapes; --rate is always the highest rate:
  constant  equal gaps                     poisson  independent jobs, as from many users
  ramp      from nothing to the rate       step     a quarter, a half, three quarters, all of it
  spike     a tenth, in the middle fifth all of it
  soak      up, long at the rate, down
All but constant have random gaps, the same for the same --seed.

A trace for --trace FILE has one time a line, in order: a number of seconds, as in 0.25, or a JSON object
with one as "at", as in {"at": 1716200000.25}. The first time is the start.

Examples:
  ferry load mail --kind send_mail --rate 500 --for 1m --payload-file mail.json
  ferry load mail --kind send_mail --rate 5000 --shape spike --json spike.json
  ferry load mail --kind send_mail --trace yesterday.txt

The exit code is 0 when every job was stored in time, 1 when some were not or the generator lagged: then
the load was not the one that was asked for.)";

}  // namespace

void add_load(CLI::App& program, Command& chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = program.add_subcommand(
      "load", "Enqueue jobs at a rate, whatever becomes of them (open loop)");
  verb->add_option("QUEUE", arguments->queue, "The queue; it begins with its first job")
      ->type_name("")
      ->required();
  verb->add_option("--kind", arguments->kind, "What handler runs the jobs")
      ->type_name("KIND")
      ->required();
  auto* rate = verb->add_option("--rate", arguments->rate, "Jobs a second, the highest")
                   ->type_name("R")
                   ->check(number(0.001, 1e6));
  auto* shape = verb->add_option("--shape", arguments->shape, "How the rate moves; see below")
                    ->type_name("SHAPE")
                    ->capture_default_str();
  auto* duration = verb->add_option("--for", arguments->duration, "How long")
                       ->type_name("TIME")
                       ->capture_default_str();
  verb->add_option("--trace", arguments->trace, "Replay the times of this file instead")
      ->type_name("FILE")
      ->excludes(rate)
      ->excludes(shape)
      ->excludes(duration);
  auto* bytes = verb->add_option("--payload-bytes", arguments->payload_bytes,
                                 "Random bytes in each job, as {\"data\": …}")
                    ->type_name("N")
                    ->check(whole_number(0, 8'000'000))
                    ->capture_default_str();
  verb->add_option("--payload-file", arguments->payload_file,
                   "JSON that every job carries, stored as msgpack")
      ->type_name("FILE")
      ->excludes(bytes);
  verb->add_option("--max-jobs", arguments->max_jobs,
                   "Refuse jobs while so many are in the queue; 0 = never")
      ->type_name("N")
      ->check(whole_number(0, 1'000'000'000))
      ->capture_default_str();
  verb->add_option("--seed", arguments->seed, "Of the gaps; told in the result")
      ->type_name("S")
      ->check(whole_number(0, UINT64_MAX));
  verb->add_option("--json", arguments->json, "Write the result there as well")->type_name("FILE");
  verb->footer(footer);
  verb->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return load_command(session, *arguments); };
  });
}

}  // namespace ferry::cli
