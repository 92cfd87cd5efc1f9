#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "compare/marker.hpp"

namespace ferry::cli {
namespace {

namespace fs = std::filesystem;

/// Looks for a program the way a shell does.
///
/// Errors: `Failure` when there is none.
fs::path find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (!fs::exists(name)) throw Failure(exit_usage, name + " does not exist");
    return name;
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path candidate = fs::path(folder) / name;
    if (access(candidate.c_str(), X_OK) == 0 && fs::is_regular_file(candidate)) return candidate;
  }
  throw Failure(exit_usage,
                "no program '" + name + "' on the PATH; ./" + name + " if it is in this folder");
}

/// Becomes the program; comes back only when that fails.
int become(const std::vector<std::string>& words) {
  const fs::path program = find_program(words.front());
  if (!compare::is_experiment_program(program)) {
    throw Failure(exit_usage, program.string() +
                                  " is no experiment program: its main function has to call "
                                  "ferry::experiment_main (see ferry/experiment.hpp)");
  }
  std::vector<std::string> arguments = words;
  arguments.insert(arguments.begin() + 1, "compare");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execv(program.c_str(), pointers.data());
  throw Failure(exit_usage, "cannot run " + program.string() + ": " + std::strerror(errno));
}

}  // namespace

void add_compare(CLI::App& program, Command& chosen) {
  auto* compare = program.add_subcommand(
      "compare", "Measure a program's handler under several policies, side by side");
  compare->footer(
      "Call it as: ferry compare PROGRAM [ARGUMENTS...]\n"
      "PROGRAM calls ferry::experiment_main; `PROGRAM --help` shows its ARGUMENTS, among them "
      "which "
      "Redis.\n\n"
      "Examples:\n"
      "  ferry compare ./documents                        all jobs at once, a table\n"
      "  ferry compare ./documents --html report.html     from little load to too much, a report");
  // Whatever follows belongs to the program, options too.
  compare->fallthrough(false)->prefix_command();
  compare->callback([compare, &chosen] {
    const std::vector<std::string> words = compare->remaining();
    chosen = [words](Session&) -> int {
      if (words.empty()) throw Failure(exit_usage, "PROGRAM is missing; see ferry compare --help");
      return become(words);
    };
  });
}

}  // namespace ferry::cli
