#include <algorithm>
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
  std::size_t limit = 1000;
  bool watch = false;
  std::string interval = "1s";
  int looks = 0;
};

struct Look {
  steady_clock::time_point at;
  std::vector<QueueLook> queues;
  std::int64_t more = 0;
  std::string trouble;  ///< the names are those of the look before

  bool all_well() const {
    return trouble.empty() && std::ranges::all_of(queues, [](const QueueLook& queue) {
             return queue.counts.has_value();
           });
  }
};

using CountsByName = std::map<std::string_view, const QueueCounts*>;

CountsByName counts_of(const Look* look) {
  CountsByName counts;
  if (look == nullptr) return counts;
  for (const QueueLook& queue : look->queues) {
    if (queue.counts) counts[queue.name] = &*queue.counts;
  }
  return counts;
}

struct Rates {
  double enqueued = 0;
  double done = 0;
  double died = 0;
};

/// What moved between two looks.
class Movement {
 public:
  Movement(const Look* before, const Look& now)
      : earlier_(counts_of(before)),
        seconds_(before == nullptr ? 0
                                   : std::chrono::duration<double>(now.at - before->at).count()) {}

  std::optional<Rates> rates_of(const QueueLook& queue) const {
    const auto then = earlier_.find(queue.name);
    if (then == earlier_.end() || !queue.counts) return std::nullopt;
    const auto rate = [this](std::int64_t from, std::int64_t to) {
      return static_cast<double>(std::max<std::int64_t>(0, to - from)) / seconds_;
    };
    return Rates{rate(then->second->accepted, queue.counts->accepted),
                 rate(then->second->done, queue.counts->done),
                 rate(then->second->dead, queue.counts->dead)};
  }

 private:
  CountsByName earlier_;
  double seconds_;
};

/// Looks again and again over one connection.
class Watcher {
 public:
  Watcher(Session& session, const Arguments& arguments)
      : queues_(session.queues()), names_(arguments.names), limit_(arguments.limit) {
    if (!names_.empty()) session.require_queues(names_);
  }

  Look look() {
    Look look;
    if (names_.empty()) find_names(look);
    look.at = steady_clock::now();
    look.queues = queues_.look(names_.empty() ? found_ : names_);
    return look;
  }

 private:
  void find_names(Look& look) {
    try {
      QueueNames names = queues_.names(limit_);
      found_ = std::move(names.names);
      look.more = names.more;
    } catch (const Error& error) {
      if (found_.empty() || exit_of(error.code()) == exit_unreachable) throw;
      look.trouble = error.what();
    }
  }

  Queues queues_;
  std::vector<std::string> names_;
  std::vector<std::string> found_;
  std::size_t limit_;
};

json look_json(const Look* before, const Look& now) {
  const Movement movement(before, now);
  json queues = json::array();
  for (const QueueLook& look : now.queues) {
    json queue = cli::look_json(look);
    if (const auto rates = movement.rates_of(look)) {
      queue["per_second"] = {
          {"enqueued", rates->enqueued}, {"done", rates->done}, {"died", rates->died}};
    }
    queues.push_back(std::move(queue));
  }
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  json value{{"at_ms", std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count()},
             {"queues", std::move(queues)},
             {"more", now.more}};
  if (!now.trouble.empty()) value["trouble"] = now.trouble;
  return value;
}

/// The cells between the queue's name and what is wrong with it.
void add_counts(const QueueLook& look, const Movement* movement, std::vector<Cell>& row) {
  const std::size_t cells = movement == nullptr ? 7 : 10;
  if (!look.counts) {
    row.insert(row.end(), cells, Cell("-"));
    row.emplace_back(trouble_of(look), Style::red);
    return;
  }
  const QueueCounts& counts = *look.counts;
  row.emplace_back(format_count(counts.waiting));
  row.emplace_back(format_count(counts.leased));
  row.emplace_back(format_count(counts.delayed));
  row.emplace_back(format_count(counts.dead), counts.dead > 0 ? Style::red : Style::plain);
  row.emplace_back(format_count(counts.done));
  if (movement != nullptr) {
    const auto rates = movement->rates_of(look);
    row.emplace_back(rates ? format_rate(rates->enqueued) : "-");
    row.emplace_back(rates ? format_rate(rates->done) : "-");
    row.emplace_back(rates ? format_rate(rates->died) : "-");
  }
  row.emplace_back(counts.waiting > 0 ? format_duration(counts.oldest_age) : "-");
  row.emplace_back(format_count(counts.workers));
  row.emplace_back(notes_of(counts), Style::yellow);
}

Table look_table(const Look* before, const Look& now, bool with_time, bool with_rates) {
  std::vector<Table::Column> columns;
  // Wide enough that the tables of a watch line up though each is printed by itself.
  const std::size_t width = with_time ? 9 : 0;
  constexpr std::size_t longest_name = 64;
  if (with_time) columns.push_back({"TIME"});
  columns.push_back({"QUEUE", Align::left, longest_name, with_time ? std::size_t{12} : 0});
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
  const Movement movement(before, now);
  for (const QueueLook& look : now.queues) {
    std::vector<Cell> row;
    if (with_time) row.emplace_back(date_of(std::chrono::system_clock::now()).substr(11, 8));
    row.emplace_back(look.name);
    add_counts(look, with_rates ? &movement : nullptr, row);
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
  if (now.more > 0 && first) output.line(more_queues(now.more));
}

std::string screen_text(Output& output, const Look* before, const Look& now,
                        const std::string& interval, const std::string& trouble) {
  std::string text = output.styled("ferry stats", Style::bold) + "  every " + interval + "  " +
                     date_of(std::chrono::system_clock::now()) + "  Ctrl-C ends\n\n";
  if (now.queues.empty()) {
    text += "No queue was ever used under this prefix.\n";
  } else {
    text += look_table(before, now, false, true).render(output.colour());
    if (now.more > 0) text += more_queues(now.more) + '\n';
  }
  if (!trouble.empty()) text += '\n' + output.styled(trouble, Style::red) + '\n';
  return text;
}

int watch(Session& session, const Arguments& arguments, std::chrono::milliseconds interval) {
  Interrupt interrupt;
  Watcher watcher(session, arguments);
  Output& output = session.output();
  // The first look is made before anything is drawn: what is wrong from the start ends the program.
  Look now = watcher.look();
  std::optional<Look> before;
  std::string trouble;
  std::optional<Screen> screen;
  if (output.on_terminal() && !output.is_json()) screen.emplace(output);
  for (int looks = 1;; ++looks) {
    const Look* last = before ? &*before : nullptr;
    if (screen) {
      screen->draw(screen_text(output, last, now, arguments.interval, trouble));
    } else {
      if (!trouble.empty()) output.warning(trouble);
      if (trouble.empty() || !now.trouble.empty()) print_look(output, last, now, true, looks == 1);
    }
    if (looks == arguments.looks || interrupt.wait(interval)) {
      return now.all_well() ? exit_ok : exit_found_wrong;
    }
    try {
      Look next = watcher.look();
      before = std::exchange(now, std::move(next));
      trouble = now.trouble;
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
  const Look look = Watcher(session, arguments).look();
  print_look(session.output(), nullptr, look, false, true);
  return look.all_well() ? exit_ok : exit_found_wrong;
}

}  // namespace

void add_stats(CLI::App& program, Command& chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = program.add_subcommand("stats", "Show what queues hold and how fast they move");
  verb->add_option("NAME", arguments->names, "Queues to show; all when none is named")
      ->type_name("");
  add_queue_limit(*verb, arguments->limit);
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
      "--output json an object for each look. A queue that cannot be looked at has a row that says "
      "why,\nand the others go on; then the exit code is 1, of a watch when its last look shows "
      "one. "
      "In JSON that\nrow has \"error\": code, message and key; \"more\" counts the queues that are "
      "not "
      "listed.");
  verb->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return stats(session, *arguments); };
  });
}

}  // namespace ferry::cli
