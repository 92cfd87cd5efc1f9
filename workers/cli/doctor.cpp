#include "cli/commands.hpp"
#include "cli/parts/text.hpp"
#include "ferry/setup.hpp"

namespace ferry::cli {
namespace {

struct Verdict {
  const char* text;
  Style style;
};

Verdict verdict_of(CheckResult result) {
  switch (result) {
    case CheckResult::ok:
      return {"ok", Style::green};
    case CheckResult::warning:
      return {"warning", Style::yellow};
    case CheckResult::failed:
      break;
  }
  return {"failed", Style::red};
}

void print_table(Output& output, const std::vector<Check>& checks) {
  Table table({{"RESULT"}, {"CHECK"}, {"FOUND"}});
  for (const Check& check : checks) {
    const Verdict verdict = verdict_of(check.result);
    table.add({{verdict.text, verdict.style}, check.name, check.found});
    // On a line of its own: advice is a sentence and would push the table off the screen.
    if (!check.advice.empty()) table.add({"", "", {"→ " + check.advice, Style::bold}});
  }
  output.print(table);
}

int doctor(Session& session) {
  const std::vector<Check> checks = check_server(session.redis());
  std::size_t warnings = 0;
  std::size_t failures = 0;
  for (const Check& check : checks) {
    if (check.result == CheckResult::warning) ++warnings;
    if (check.result == CheckResult::failed) ++failures;
  }
  Output& output = session.output();
  if (output.is_json()) {
    nlohmann::json list = nlohmann::json::array();
    for (const Check& check : checks) {
      list.push_back({{"name", check.name},
                      {"result", verdict_of(check.result).text},
                      {"found", check.found},
                      {"advice", check.advice}});
    }
    output.print({{"healthy", failures == 0}, {"checks", std::move(list)}});
  } else {
    print_table(output, checks);
    output.line("");
    output.line(std::to_string(checks.size() - warnings - failures) + " ok, " +
                std::to_string(warnings) + (warnings == 1 ? " warning, " : " warnings, ") +
                std::to_string(failures) + " failed");
  }
  return failures == 0 ? exit_ok : exit_found_wrong;
}

}  // namespace

void add_doctor(CLI::App& program, Command& chosen) {
  CLI::App* verb = program.add_subcommand("doctor", "Check that this Redis suits Ferry");
  verb->footer("Changes nothing. Exits with 1 when a check failed; warnings alone exit with 0.");
  verb->callback([&chosen] { chosen = doctor; });
}

}  // namespace ferry::cli
