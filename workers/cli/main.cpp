#include <CLI/CLI.hpp>
#include <exception>
#include <string_view>

#include "cli/commands.hpp"

namespace ferry::cli {
namespace {

constexpr const char* footer =
    R"(Examples:
  ferry doctor                                     is this Redis fit for Ferry?
  ferry setup                                      install Ferry's functions there
  ferry enqueue mail --file jobs.ndjson            one job a line
  ferry load mail --kind send_mail --rate 500      a load that waits for nobody
  ferry stats --watch                              what is going on
  ferry queue show mail --jobs waiting             which jobs wait
  ferry dead ls mail                               what failed for good, and why
  ferry dead retry mail --all                      try those again
  ferry compare ./documents --html report.html     is batching worth it, and at which rates?
  ferry plan measured.json --rate 900 --budget 50ms   how many workers, at what price?
  ferry budget trace.json                          which stage owns the slowest jobs?
  ferry queue ls --output json | jq '.queues[] | select(.dead > 0).name'

Environment:
  FERRY_REDIS                the URL, unless --redis is given
  FERRY_REDIS_PASSWORD_FILE  a file whose first line is the password, unless --password-file is given
  FERRY_REDIS_PASSWORD       the password itself, unless one of these files is given
  NO_COLOR                   no colours

Exit codes:
  0  all is well
  1  something is wrong with what was looked at, or some lines or jobs failed
  2  the command line or the input is wrong
  3  Redis cannot be reached
  4  Redis refused: rights, version, memory
  5  an audit could not tell: the queue was too busy

`ferry NOUN --help` and `ferry NOUN VERB --help` tell more.)";

/// Says under every noun that the program's own options may be given there too.
class Formatter : public CLI::Formatter {
 public:
  std::string make_footer(const CLI::App* app) const override {
    const std::string own = CLI::Formatter::make_footer(app);
    if (app->get_parent() == nullptr || app->get_prefix_command()) return own;
    return own +
           "\n--redis, --prefix, --output and the other options of `ferry --help` go here too.\n";
  }
};

void add_globals(CLI::App& program, Globals& globals) {
  program
      .add_option("--redis", globals.redis,
                  "redis://[user@]host[:port][/db], unix:///path/to.sock[?db=0] or\n"
                  "redis-sentinel://[user@]host[:port],…/master-name[/db]\n"
                  "(without it redis://127.0.0.1:6379)")
      ->type_name("URL");
  program
      .add_option("--password-file", globals.password_file,
                  "A file whose first line is the password of Redis")
      ->type_name("FILE");
  program.add_option("--prefix", globals.prefix, "Every key begins with it")
      ->type_name("NAME")
      ->capture_default_str();
  program.add_option("--output", globals.output, "table (for people) or json (for programs)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  program.add_flag("--no-color", globals.no_color, "No colours, as if NO_COLOR were set");
}

/// A command line that cannot be read may still say how to complain about it.
bool asks_for_json(int count, char** words) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--output=json") return true;
    if (word == "--output" && i + 1 < count && std::string_view(words[i + 1]) == "json")
      return true;
  }
  return false;
}

/// Returns: the noun or verb that the command line got to.
const CLI::App& deepest_command(const CLI::App& program) {
  const CLI::App* at = &program;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return *at;
}

/// Returns: `ferry queue show`.
std::string full_name(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return (parent == nullptr ? "" : full_name(*parent) + ' ') + command.get_name();
}

int refuse_usage(const CLI::App& program, const CLI::ParseError& error, Output& output) {
  const CLI::App& command = deepest_command(program);
  std::string message = error.what();
  while (message.ends_with('\n') || message.ends_with('.')) message.pop_back();
  if (command.get_require_subcommand_min() > 0 && error.get_name() == "RequiredError") {
    const std::vector<std::string> left = program.remaining(true);
    const std::string what = command.get_parent() == nullptr ? "noun" : "verb";
    message = left.empty()
                  ? "the " + what + " is missing"
                  : '"' + left.front() + "\" is no " + what + " of `" + full_name(command) + "`";
  }
  output.error(message + "; see `" + full_name(command) + " --help`",
               {{"code", "usage"}, {"exit_code", static_cast<int>(exit_usage)}});
  return exit_usage;
}

int run(const Command& command, const Globals& globals, Output& output) {
  try {
    Session session(globals, output);
    const int code = command(session);
    output.end_progress();
    return code;
  } catch (const Failure& failure) {
    output.error(failure.what(), {{"exit_code", static_cast<int>(failure.code())}});
    return failure.code();
  } catch (const Error& error) {
    const Exit code = exit_of(error.code());
    output.error(error.what(),
                 {{"code", to_string(error.code())}, {"exit_code", static_cast<int>(code)}});
    return code;
  }
}

/// `--kind=`, as from an unset variable, would take the next word for its value. What follows
/// `compare` is another program's.
void require_values(int count, char** words) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--" || word == "compare") return;
    if (!word.starts_with("--") || !word.ends_with('=')) continue;
    throw CLI::ArgumentMismatch(std::string(word.substr(0, word.size() - 1)) +
                                ": expected a value behind =");
  }
}

int main_of(int count, char** words) {
  CLI::App program("Looks into Ferry's queues in Redis and acts on them.", "ferry");
  Globals globals;
  Command chosen;
  program.fallthrough();
  program.require_subcommand(1);
  program.set_version_flag("--version", "ferry " FERRY_VERSION, "Print the version");
  program.set_help_flag("-h,--help", "Print this help");
  program.formatter(std::make_shared<Formatter>());
  program.get_formatter()->column_width(34);
  program.get_formatter()->label("SUBCOMMAND", "NOUN");
  program.get_formatter()->label("OPTIONS", "options");
  add_globals(program, globals);
  add_setup(program, chosen);
  add_doctor(program, chosen);
  add_enqueue(program, chosen);
  add_load(program, chosen);
  add_stats(program, chosen);
  add_queue(program, chosen);
  add_dead(program, chosen);
  add_key(program, chosen);
  add_compare(program, chosen);
  add_plan(program, chosen);
  add_budget(program, chosen);
  program.footer(footer);  // last, or every noun would inherit it
  if (count == 1) {
    std::cerr << program.help();
    return exit_usage;
  }
  try {
    require_values(count, words);
    program.parse(count, words);
  } catch (const CLI::Success& asked) {  // --help, --version
    return program.exit(asked);
  } catch (const CLI::ParseError& error) {
    Output output(asks_for_json(count, words), true);
    return refuse_usage(program, error, output);
  }
  Output output(globals.output == "json", !globals.no_color);
  return run(chosen, globals, output);
}

}  // namespace
}  // namespace ferry::cli

int main(int count, char** words) {
  try {
    return ferry::cli::main_of(count, words);
  } catch (const std::exception& error) {  // no memory, most likely
    std::cerr << "ferry: " << error.what() << '\n';
    return ferry::cli::exit_found_wrong;
  }
}
