#include <algorithm>

#include "cli/commands.hpp"
#include "cli/parts/text.hpp"
#include "cli/views.hpp"
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

/// A Redis that is away or refuses is told as every other verb tells it.
int exit_of(const std::vector<Check>& checks, std::size_t failures) {
  for (const Check& check : checks) {
    if (check.name != "server" || check.result != CheckResult::failed) continue;
    for (const ErrorCode code :
         {ErrorCode::unavailable, ErrorCode::denied, ErrorCode::invalid_argument}) {
      if (check.found == to_string(code)) return cli::exit_of(code);
    }
  }
  return failures == 0 ? exit_ok : exit_found_wrong;
}

/// Looks for queues whose jobs nobody runs.
std::vector<Check> check_queues(Session& session) {
  std::vector<Check> checks;
  try {
    Queues queues = session.queues();
    for (const QueueLook& look : queues.look(queues.names().names)) {
      if (!look.counts) continue;
      const QueueCounts& counts = *look.counts;
      const std::int64_t open = counts.waiting + counts.leased;
      if (counts.workers > 0 || counts.silent_workers == 0 || open == 0) continue;
      checks.push_back({"workers", CheckResult::failed,
                        "queue " + look.name + ": " + notes_of(counts) + "; no worker lives, " +
                            jobs_text(open) + " waiting or leased",
                        "start a worker: it takes over what the dead ones hold"});
    }
  } catch (const Error& error) {
    checks.push_back({"workers", CheckResult::warning, "cannot be looked at", error.what()});
  }
  return checks;
}

/// Looking at queues installs the functions where they are missing, and a doctor changes nothing.
bool may_look_at_queues(const std::vector<Check>& checks) {
  return std::ranges::any_of(checks, [](const Check& check) {
    return check.name == "functions" && check.result == CheckResult::ok;
  });
}

int doctor(Session& session) {
  std::vector<Check> checks = check_server(session.redis());
  if (may_look_at_queues(checks)) {
    for (Check& check : check_queues(session)) checks.push_back(std::move(check));
  }
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
  return exit_of(checks, failures);
}

}  // namespace

void add_doctor(CLI::App& program, Command& chosen) {
  CLI::App* verb = program.add_subcommand("doctor", "Check that this Redis suits Ferry");
  verb->footer(
      "Changes nothing. Exits with 1 when a check failed, with 3 when Redis cannot be reached "
      "and with 4\nwhen it refuses; warnings alone exit with 0.");
  verb->callback([&chosen] { chosen = doctor; });
}

}  // namespace ferry::cli
