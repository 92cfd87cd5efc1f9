#include "plan/plan.hpp"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/checks.hpp"
#include "cli/commands.hpp"
#include "cli/parts/growth.hpp"
#include "cli/parts/plan_text.hpp"
#include "cli/parts/units.hpp"
#include "plan/plan_json.hpp"

namespace ferry::cli {
namespace {

using plan::Plan;

struct Arguments {
  std::string file;
  double rate = 0;
  std::string budget = "50ms";
  std::string growth = "0%/year";
  std::string years = "0";
  std::string outage = "1h";
  std::string prices;
  std::string json;
  std::string job_bytes;
  double noise = -1;
  std::size_t partitions = 1;
  std::size_t workers = 0;
  std::size_t servers = 0;
  std::uint64_t seed = 1;
};

std::string read_file(const std::string& option, const std::string& file) {
  std::ifstream in(file);
  if (!in) throw Failure(exit_usage, option + ' ' + file + ": " + std::strerror(errno));
  return {std::istreambuf_iterator<char>(in), {}};
}

[[noreturn]] void refuse(const std::string& option, const std::string& text,
                         std::string_view expected) {
  throw Failure(exit_usage, option + " is \"" + text + "\"; " + std::string(expected));
}

double seconds_of(const std::string& option, const std::string& text) {
  const auto duration = parse_duration(text);
  if (!duration || *duration > std::chrono::days{366}) {
    refuse(option, text, std::string(duration_expected) + ", at most 366d");
  }
  return std::chrono::duration<double>(*duration).count();
}

plan::Question question_of(const Arguments& arguments) {
  plan::Question question;
  question.per_second = arguments.rate;
  question.budget_ms = seconds_of("--budget", arguments.budget) * 1e3;
  question.outage_seconds = seconds_of("--outage", arguments.outage);
  const auto growth = parse_growth(arguments.growth);
  if (!growth) refuse("--growth", arguments.growth, "expected as in 30%/year or 2%/month");
  question.growth_per_year = *growth;
  const auto years = parse_years(arguments.years);
  if (!years) refuse("--for", arguments.years, "expected as in 2y, 18mo or 90d");
  question.years = *years;
  question.partitions = arguments.partitions;
  question.workers = arguments.workers;
  question.servers = arguments.servers;
  question.seed = arguments.seed;
  return question;
}

/// Returns: nothing when it was not given.
std::optional<double> job_bytes_of(const std::string& text) {
  constexpr std::int64_t most = 1 << 30;
  if (text.empty()) return std::nullopt;
  const auto bytes = parse_bytes(text);
  if (!bytes || *bytes < 1 || *bytes > most) {
    refuse("--job-bytes", text, "expected as in 300B or 2KiB, 1B to 1GiB");
  }
  return static_cast<double>(*bytes);
}

plan::Measured measured_of(const Arguments& arguments) {
  const auto job_bytes = job_bytes_of(arguments.job_bytes);
  plan::Measured measured =
      plan::read_measured(read_file("MEASURED", arguments.file), arguments.file);
  if (job_bytes) {
    measured.redis_bytes = *job_bytes;
    measured.redis_bytes_estimated = false;
  }
  if (arguments.noise >= 0) {
    measured.noise = arguments.noise;
    measured.noise_assumed = false;
  }
  return measured;
}

void print(Output& output, const Plan& plan, const plan::Measured& measured,
           const plan::Rates& rates) {
  output.line(output.styled(measured.name, Style::bold) + ": " +
              format_rate(plan.question.per_second) + " jobs/s, 99 in 100 within " +
              latency_text(plan.question.budget_ms));
  output.line("measured on " + measured.machine + ": " + handler_text(measured));
  output.line("");
  output.print(options_table(plan, rates));
  output.line("");
  output.line(output.styled("Plan: " + plan.policy.to_string(),
                            plan.keeps_budget() ? Style::bold : Style::red));
  output.print(sizing_table(plan));
  output.line("");
  output.print(bill_table(plan, rates));
  output.line("prices of " + rates.date + ", " + rates.source +
              "; what is rented is used to 70 %, jobs come all month at this rate");
  output.line("");
  output.line(lever_text(plan, rates));
  output.line(bottleneck_text(plan.now));
  output.line("");
  output.line(checks_text(plan));
  for (const std::string& note : plan.notes) output.line("note: " + note);
}

void write_json(const std::string& file, const nlohmann::json& value) {
  std::ofstream out(file);
  out << value.dump(1) << '\n';
  out.close();
  if (!out) throw Failure(exit_usage, "--json " + file + ": " + std::strerror(errno));
}

std::string refusal_text(const Plan& plan) {
  return "p99 would be " + latency_text(plan.now.worker.p99) + ", over the budget of " +
         latency_text(plan.question.budget_ms) + "; a job alone takes " +
         latency_text(plan.model.time.quantile(1, 0.99) + plan.model.outside_ms +
                      plan.model.tail_ms);
}

int make(Session& session, const Arguments& arguments) {
  const plan::Question question = question_of(arguments);
  const plan::Measured measured = measured_of(arguments);
  const plan::Rates rates =
      arguments.prices.empty()
          ? plan::default_rates()
          : plan::read_rates(read_file("--prices", arguments.prices), arguments.prices);
  const Plan plan = plan::make_plan(measured, rates, question);
  const nlohmann::json value = json_of(plan, measured, rates);
  if (!arguments.json.empty()) write_json(arguments.json, value);
  Output& output = session.output();
  if (output.is_json()) {
    output.print(value);
  } else {
    print(output, plan, measured, rates);
  }
  if (plan.keeps_budget()) return exit_ok;
  output.warning(refusal_text(plan));
  return exit_found_wrong;
}

}  // namespace

void add_plan(CLI::App& program, Command& chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = program.add_subcommand(
      "plan", "Say how many workers, how much Redis and what price a rate takes");
  verb->add_option("MEASURED", arguments->file,
                   "What `ferry compare PROGRAM --rates … --json FILE` wrote")
      ->required()
      ->type_name("");
  verb->add_option("--rate", arguments->rate, "Jobs a second to plan for")
      ->required()
      ->check(number(0.01, 1e8))
      ->type_name("R");
  verb->add_option("--budget", arguments->budget, "From enqueue to settled, for 99 in 100 jobs")
      ->type_name("TIME")
      ->capture_default_str();
  verb->add_option("--growth", arguments->growth, "By how much the rate grows")
      ->type_name("30%/year")
      ->capture_default_str();
  verb->add_option("--for", arguments->years, "Plan for that time as well: 2y, 18mo")
      ->type_name("TIME");
  verb->add_option("--outage", arguments->outage, "Redis has to hold what comes meanwhile")
      ->type_name("TIME")
      ->capture_default_str();
  verb->add_option("--prices", arguments->prices,
                   "A file in place of the dated prices that Ferry brings")
      ->type_name("FILE");
  verb->add_option("--partitions", arguments->partitions, "Of the queue; each lives on one Redis")
      ->type_name("N")
      ->check(whole_number(1, 10'000))
      ->capture_default_str();
  verb->add_option("--workers", arguments->workers, "Ask about so many instead of finding out")
      ->check(whole_number(0, 100'000))
      ->type_name("N");
  verb->add_option("--servers", arguments->servers, "Redis servers, instead of finding out")
      ->check(whole_number(0, 10'000))
      ->type_name("N");
  verb->add_option("--job-bytes", arguments->job_bytes, "What a job takes of Redis's memory")
      ->type_name("SIZE");
  verb->add_option("--noise", arguments->noise, "How much a call's time varies: σ of its logarithm")
      ->type_name("S")
      ->check(number(0, 3));
  verb->add_option("--seed", arguments->seed, "Of the simulation")
      ->type_name("N")
      ->check(whole_number(0, UINT64_MAX))
      ->capture_default_str();
  verb->add_option("--json", arguments->json, "Write the whole plan there")->type_name("FILE");
  verb->footer(
      "Needs no Redis. The same arguments give the same plan. Exits with 1 when no policy keeps\n"
      "the budget. Prices: {\"date\", \"currency\", \"source\", \"core_hour\", \"gigabyte_hour\",\n"
      "\"gigabyte_moved\"}.");
  verb->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return make(session, *arguments); };
  });
}

}  // namespace ferry::cli
