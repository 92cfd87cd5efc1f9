// How work flows: loads made from a seed or by hand, real workers, and what an oracle would have
// made of them. Exit code 1 when something that must hold on any machine did not.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "fault/harness/arguments.hpp"
#include "ferry/error.hpp"
#include "flow/mix/generate.hpp"
#include "flow/mix/mix_json.hpp"
#include "flow/scenarios/scenario.hpp"

namespace ferry::flow {
namespace {

constexpr Scenario scenarios[]{
    {"batches", "do batches form when jobs of many keys wait?", run_batches},
    {"blocking", "does a kind at its own limit keep others from beginning?", run_blocking},
    {"holding", "do jobs that wait for company keep urgent ones from beginning?", run_holding},
    {"sharing", "does a bulk of slow jobs reach every idle worker?", run_sharing},
    {"mixes", "how far from the oracle is a mix of everything?", run_mixes},
    {"bytes", "does a worker keep to its bytes, and Redis to short commands?", run_bytes},
    {"flight", "does a worker keep to max_jobs_in_flight?", run_flight},
    {"upkeep", "are dead workers and due jobs noticed, and what does that cost?", run_upkeep},
};

std::vector<std::uint64_t> numbers_in(const std::string& text) {
  std::vector<std::uint64_t> numbers;
  std::istringstream in(text);
  for (std::string one; std::getline(in, one, ',');) numbers.push_back(std::stoull(one));
  return numbers;
}

int run(const fault::Arguments& arguments) {
  ScenarioSettings settings;
  settings.brief = arguments.text("--brief") == "yes";
  settings.only = arguments.text("--only");
  settings.mix_file = arguments.text("--mix");
  settings.seeds = numbers_in(arguments.text("--seeds"));
  if (arguments.text("--show") == "yes") {
    for (const std::uint64_t seed : settings.seeds) {
      const Mix mix = generate(seed);
      std::printf("%s\n%s\n", line_of(mix).c_str(), json_of(mix).dump().c_str());
    }
    return 0;
  }
  Sheet sheet;
  sheet.on_begin = [](const std::string& scenario, const std::string& cell) {
    std::fprintf(stderr, "%s: %s\n", scenario.c_str(), cell.c_str());
  };
  bool found = false;
  for (std::int64_t i = 0; i < arguments.number("--repetitions"); ++i) {
    for (const Scenario& scenario : all_scenarios()) {
      const std::string wanted = settings.mix_file.empty() ? arguments.text("--scenario") : "mixes";
      if (!wanted.empty() && wanted != scenario.name) continue;
      found = true;
      scenario.run(settings, sheet);
    }
  }
  if (!found) {
    std::fputs("--scenario is none of these:\n", stderr);
    for (const Scenario& scenario : all_scenarios()) {
      std::fprintf(stderr, "  %-10s %s\n", scenario.name, scenario.question);
    }
    return 2;
  }
  std::fputs(table_of(sheet.rows()).c_str(), stdout);
  for (const std::string& note : sheet.notes()) {
    if (note.find('{') == std::string::npos) std::printf("note: %s\n", note.c_str());
  }
  if (!arguments.text("--json").empty()) {
    std::ofstream(arguments.text("--json")) << json_of(sheet).dump(1) << "\n";
  }
  return all_must_hold(sheet.rows()) ? 0 : 1;
}

}  // namespace

std::span<const Scenario> all_scenarios() { return scenarios; }

}  // namespace ferry::flow

int main(int argc, char** argv) {
  const ferry::fault::Arguments arguments(argc, argv,
                                          {{"--scenario", ""},
                                           {"--only", ""},
                                           {"--seeds", ""},
                                           {"--show", "no"},
                                           {"--mix", ""},
                                           {"--repetitions", "1"},
                                           {"--brief", "no"},
                                           {"--json", ""}});
  try {
    return ferry::flow::run(arguments);
  } catch (const ferry::Error& error) {
    const char* ci = std::getenv("CI");
    if (error.code() != ferry::ErrorCode::unsupported || (ci && std::string_view(ci) == "true")) {
      std::fprintf(stderr, "flow: %s\n", error.what());
      return 1;
    }
    std::printf("[  SKIPPED ] %s\n", error.what());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flow: %s\n", error.what());
    return 1;
  }
}
