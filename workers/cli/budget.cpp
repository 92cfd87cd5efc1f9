#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "budget/trace_jobs.hpp"
#include "cli/checks.hpp"
#include "cli/commands.hpp"
#include "compare/table.hpp"

namespace ferry::cli {
namespace {

using budget::Group;
using budget::Tail;
using compare::duration_text;

struct Arguments {
  std::string file;
  double part = 0.01;
};

budget::TraceJobs read_trace(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw Failure(exit_usage, file + " cannot be read");
  try {
    return budget::jobs_of_trace(text.str());
  } catch (const Error& error) {
    throw Failure(exit_usage, file + " cannot be used: " + error.what());
  }
}

nlohmann::json json_of(const Tail& tail) {
  nlohmann::json stages = nlohmann::json::array();
  for (std::size_t i = 0; i < budget::stage_count; ++i) {
    stages.push_back({{"stage", budget::stage_names[i]},
                      {"median_us", tail.median[i]},
                      {"slowest_us", tail.slow[i]}});
  }
  nlohmann::json value{{"jobs", tail.jobs},
                       {"slowest_jobs", tail.slow_jobs},
                       {"slowest_from_us", tail.slow_from_us},
                       {"median_us", tail.median_us()},
                       {"slowest_us", tail.slow_us()},
                       {"stages", std::move(stages)},
                       {"owner", nullptr},
                       {"enough_jobs", tail.enough},
                       {"verdict", in_words(tail)}};
  if (tail.owner) value["owner"] = budget::stage_names[static_cast<std::size_t>(*tail.owner)];
  return value;
}

std::string share_text(double part, double whole) {
  char text[16];
  std::snprintf(text, sizeof text, "%.0f %%", whole > 0 ? 100 * part / whole : 0);
  return text;
}

std::string difference_text(double us) {
  return us < 0 ? "-" + duration_text(-us) : "+" + duration_text(us);
}

void print_table(Output& output, const Tail& tail) {
  Table table({{"STAGE"},
               {"MEDIAN JOB", Align::right},
               {"SLOWEST", Align::right},
               {"SHARE", Align::right},
               {"DIFFERENCE", Align::right},
               {"TIME SPENT"}});
  for (std::size_t i = 0; i < budget::stage_count; ++i) {
    if (tail.median[i] == 0 && tail.slow[i] == 0) continue;
    const bool owns = tail.owner == static_cast<budget::Stage>(i);
    const Style style = owns ? Style::bold : Style::plain;
    table.add({{std::string(budget::stage_names[i]), style},
               {duration_text(tail.median[i]), style},
               {duration_text(tail.slow[i]), style},
               {share_text(tail.slow[i], tail.slow_us()), style},
               {difference_text(tail.slow[i] - tail.median[i]), style},
               std::string(budget::stage_meanings[i])});
  }
  table.add({"in all", duration_text(tail.median_us()), duration_text(tail.slow_us()), "100 %",
             difference_text(tail.slow_us() - tail.median_us()), ""});
  output.print(table);
}

void print_group(Output& output, const std::string& name, const Tail& tail) {
  output.line(output.styled(name, Style::bold) + ": " + std::to_string(tail.jobs) + " jobs, " +
              std::to_string(tail.slow_jobs) + " in the slowest part");
  if (tail.enough) print_table(output, tail);
  output.line(in_words(tail));
}

int budget_command(Session& session, const Arguments& arguments) {
  const budget::TraceJobs trace = read_trace(arguments.file);
  const Tail all = tail_of(trace.jobs, arguments.part);
  const std::vector<Group> groups = groups_of(trace.jobs, arguments.part);
  Output& output = session.output();
  if (output.is_json()) {
    nlohmann::json value = json_of(all);
    value["worker"] = trace.worker;
    value["part"] = arguments.part;
    value["one_job_in"] = trace.one_job_in;
    value["not_done"] = trace.others;
    value["groups"] = nlohmann::json::array();
    for (const Group& group : groups) {
      nlohmann::json each = json_of(group.tail);
      each["queue"] = group.queue;
      each["kind"] = group.kind;
      value["groups"].push_back(std::move(each));
    }
    output.print(value);
  } else {
    print_group(output, "worker " + trace.worker, all);
    if (groups.size() > 1) {
      for (const Group& group : groups) {
        output.line("");
        print_group(output, "queue " + group.queue + ", kind " + group.kind, group.tail);
      }
    }
    std::string about = "One job in " + std::to_string(trace.one_job_in) + " was sampled";
    if (trace.others > 0) {
      about += "; " + std::to_string(trace.others) + " attempts that were not done are left out";
    }
    output.line("\n" + about + ".");
  }
  return all.enough ? exit_ok : exit_found_wrong;
}

constexpr const char* footer =
    R"(TRACE is a file that a worker wrote on stop, with WorkerOptions::trace_file set.

Examples:
  ferry budget trace.json
  ferry budget trace.json --part 0.05
  ferry budget trace.json --output json | jq -r .owner

The exit code is 1 when there are too few jobs for a verdict.)";

}  // namespace

void add_budget(CLI::App& program, Command& chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb =
      program.add_subcommand("budget", "Tell which stage owns the slowest jobs of a trace");
  verb->add_option("TRACE", arguments->file, "What a worker has written")
      ->type_name("")
      ->required();
  verb->add_option("--part", arguments->part, "How many are the slowest: 0.0001 to 0.5")
      ->type_name("SHARE")
      ->check(number(0.0001, 0.5))
      ->capture_default_str();
  verb->footer(footer);
  verb->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return budget_command(session, *arguments); };
  });
}

}  // namespace ferry::cli
