#include "ferry/setup.hpp"

#include "cli/commands.hpp"
#include "cli/parts/redis_url.hpp"

namespace ferry::cli {
namespace {

int setup(Session& session) {
  const bool installed = install_functions(session.redis());
  const std::string url = shown_url(session.redis().url);
  if (session.output().is_json()) {
    session.output().print(nlohmann::json{{"redis", url}, {"installed", installed}});
  } else {
    session.output().line(installed
                              ? "Installed Ferry's functions in " + url + "."
                              : "Ferry's functions are in " + url + " already; nothing to do.");
  }
  return exit_ok;
}

}  // namespace

void add_setup(CLI::App& program, Command& chosen) {
  CLI::App* verb = program.add_subcommand("setup", "Install Ferry's functions into Redis");
  verb->footer(
      "Needs a Redis user that may run FUNCTION LOAD. Safe to repeat: functions that are there\n"
      "already, or newer ones, are left alone.");
  verb->callback([&chosen] { chosen = setup; });
}

}  // namespace ferry::cli
