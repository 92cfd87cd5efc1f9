#include <map>
#include <optional>

#include "cli/checks.hpp"
#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/parts/units.hpp"
#include "cli/views.hpp"
#include "ferry/queue.hpp"

namespace ferry::cli {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

struct Arguments {
  std::vector<std::string> names;
  bool watch = false;
  std::string interval = "1s";
  int looks = 0;
};

struct Look {
  steady_clock::time_point at;
  std::map<std::string, QueueCounts> queues;
};

struct Rates {
  double enqueued = 0;
  double done = 0;
  double died = 0;
};

std::optional<Rates> rates_of(const std::string& name, const Look* before, const Look& now) {
  if (before == nullptr) return std::nullopt;
  const auto earlier = before->queues.find(name);
  if (earlier == before->queues.end()) return std::nullopt;
  const double seconds = std::chrono::duration<double>(now.at - before->at).count();
  const QueueCounts& then = earlier->second;
  const QueueCounts& counts = now.queues.at(name);
  const auto rate = [seconds](std::int64_t from, std::int64_t to) {
    return static_cast<double>(std::max<std::int64_t>(0, to - from)) / seconds;
  };
  return Rates{rate(then.accepted, counts.accepted), rate(then.done, counts.done),
               rate(then.dead, counts.dead)};
}

/// Keeps one connection for each queue from look to look.
class Watcher {
 public:
  Watcher(Session& session, std::vector<std::string> names)
      : session_(session), names_(std::move(names)) {
    if (!names_.empty()) session_.require_queues(names_);
  }

  Look look() {
    Look look;
    const auto names = names_.empty() ? Queue::list(session_.redis()) : names_;
    look.at = steady_clock::now();
    for (const std::string& name : names) {
      auto queue = queues_.find(name);
      if (queue == queues_.end())
        queue = queues_.emplace(name, Queue(session_.redis(), name)).first;
      look.queues.emplace(name, queue->second.counts());
    }
    return look;
  }

 private:
  Session& session_;
  std::vector<std::string> names_;
  std::map<std::string, Queue> queues_;
};

json look_json(const Look* before, const Look& now) {
  json queues = json::array();
  for (const auto& [name, counts] : now.queues) {
    json queue = counts_json(counts);
    queue["name"] = name;
    if (const auto rates = rates_of(name, before, now)) {
      queue["per_second"] = {
          {"enqueued", rates->enqueued}, {"done", rates->done}, {"died", rates->died}};
    }
    queues.push_back(std::move(queue));
  }
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return {{"at_ms", std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count()},
          {"queues", std::move(queues)}};
}

Table look_table(const Look* before, const Look& now, bool with_time, bool with_rates) {
  std::vector<Table::Column> columns;
  // Wide enough that the tables of a watch line up though each is printed by itself.
  const std::size_t width = with_time ? 9 : 0;
  if (with_time) columns.push_back({"TIME"});
  columns.push_back({"QUEUE", Align::left, 0, with_time ? std::size_t{12} : 0});
  for (const char* title : {"WAITING", "LEASED", "DELAYED", "DEAD", "DONE"}) {
    columns.push_back({title, Align::right, 0, width});
  }
  if (with_rates) {
    for (const char* title : {"IN/s", "DONE/s", "DIED/s"}) {
      columns.push_back({title, Align::right, 0, 7});
    }
  }
  columns.push_back({"OLDEST", Align::right, 0, width});
  columns.push_back({"WORKERS", Align::right});
  columns.push_back({""});
  Table table(std::move(columns));
  for (const auto& [name, counts] : now.queues) {
    std::vector<Cell> row;
    if (with_time) row.emplace_back(date_of(std::chrono::system_clock::now()).substr(11, 8));
    row.emplace_back(name);
    row.emplace_back(format_count(counts.waiting));
    row.emplace_back(format_count(counts.leased));
    row.emplace_back(format_count(counts.delayed));
    row.emplace_back(format_count(counts.dead), counts.dead > 0 ? Style::red : Style::plain);
    row.emplace_back(format_count(counts.done));
    if (with_rates) {
      const auto rates = rates_of(name, before, now);
      row.emplace_back(rates ? format_rate(rates->enqueued) : "-");
      row.emplace_back(rates ? format_rate(rates->done) : "-");
      row.emplace_back(rates ? format_rate(rates->died) : "-");
    }
    row.emplace_back(counts.waiting > 0 ? format_duration(counts.oldest_age) : "-");
    row.emplace_back(format_count(counts.workers));
    row.emplace_back(counts.paused ? "paused" : "", Style::yellow);
    table.add(std::move(row));
  }
  return table;
}

/// Draws over the last look; the cursor comes back with this object's end.
class Screen {
 public:
  explicit Screen(Output& output) : output_(output) { output_.raw("\x1b[?25l\x1b[2J"); }
  ~Screen() { output_.raw("\x1b[?25h"); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void draw(std::string text) {
    // Each line clears its own rest, so nothing flickers.
    for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 4)) {
      text.insert(at, "\x1b[K");
    }
    output_.raw("\x1b[H" + text + "\x1b[J");
  }

 private:
  Output& output_;
};

void print_look(Output& output, const Look* before, const Look& now, bool watching, bool first) {
  if (output.is_json()) {
    output.print(look_json(before, now));
    return;
  }
  if (now.queues.empty()) {
    output.line("No queue was ever used under this prefix.");
    return;
  }
  output.print(look_table(before, now, watching, watching), first);
}

std::string screen_text(Output& output, const Look* before, const Look& now,
                        const std::string& interval, const std::string& trouble) {
  std::string text = output.styled("ferry stats", Style::bold) + "  every " + interval + "  " +
                     date_of(std::chrono::system_clock::now()) + "  Ctrl-C ends\n\n";
  if (now.queues.empty()) {
    text += "No queue was ever used under this prefix.\n";
  } else {
    text += look_table(before, now, false, true).render(output.colour());
  }
  if (!trouble.empty()) text += '\n' + output.styled(trouble, Style::red) + '\n';
  return text;
}

int watch(Session& session, const Arguments& arguments, std::chrono::milliseconds interval) {
  Interrupt interrupt;
  Watcher watcher(session, arguments.names);
  Output& output = session.output();
  // The first look is made before anything is drawn: what is wrong from the start ends the program.
  Look now = watcher.look();
  std::optional<Look> before;
  std::string trouble;
  std::optional<Screen> screen;
  if (output.on_terminal() && !output.is_json()) screen.emplace(output);
  for (int looks = 1;; ++looks) {
    if (screen) {
      screen->draw(
          screen_text(output, before ? &*before : nullptr, now, arguments.interval, trouble));
    } else if (trouble.empty()) {
      print_look(output, before ? &*before : nullptr, now, true, looks == 1);
    } else {
      output.warning(trouble);
    }
    if (looks == arguments.looks || interrupt.wait(interval)) return exit_ok;
    try {
      Look next = watcher.look();
      before = std::exchange(now, std::move(next));
      trouble.clear();
    } catch (const Error& error) {
      // A watch outlives a restart of Redis; the numbers shown are the last known.
      if (exit_of(error.code()) != exit_unreachable) throw;
      trouble = std::string(error.what()) + "; trying again";
    }
  }
}

int stats(Session& session, const Arguments& arguments) {
  const auto interval = parse_duration(arguments.interval);
  if (!interval || *interval < std::chrono::milliseconds{100} ||
      *interval > std::chrono::hours{24}) {
    throw Failure(exit_usage, "--interval is \"" + arguments.interval + "\"; " +
                                  std::string(duration_expected) + ", 100ms to 24h");
  }
  if (arguments.watch) return watch(session, arguments, *interval);
  print_look(session.output(), nullptr, Watcher(session, arguments.names).look(), false, true);
  return exit_ok;
}

}  // namespace

void add_stats(CLI::App& program, Command& chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = program.add_subcommand("stats", "Show what queues hold and how fast they move");
  verb->add_option("NAME", arguments->names, "Queues to show; all when none is named")
      ->type_name("");
  CLI::Option* watching =
      verb->add_flag("--watch", arguments->watch, "Look again and again, with rates; Ctrl-C ends");
  verb->add_option("--interval", arguments->interval, "Time between two looks")
      ->type_name("TIME")
      ->capture_default_str()
      ->needs(watching);
  verb->add_option("--looks", arguments->looks,
                   "End after so many looks, at most 1000000; 0 = never")
      ->type_name("N")
      ->check(whole_number(0, 1'000'000))
      ->needs(watching);
  verb->footer(
      "--watch redraws a terminal; elsewhere it prints a line for each queue and look, or with\n"
      "--output json an object for each look.");
  verb->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return stats(session, *arguments); };
  });
}

}  // namespace ferry::cli
