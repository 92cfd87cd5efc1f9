// The fault harness: many producers and workers, one Redis, faults by a schedule made beforehand,
// and a ledger at the end. Exit code 1 when a promise was broken.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "fault/harness/arguments.hpp"
#include "fault/harness/fleet.hpp"
#include "fault/harness/ledger.hpp"
#include "fault/harness/report.hpp"
#include "fault/harness/schedule.hpp"

namespace ferry::fault {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct Profile {
  FaultPeriods periods;
  Bounds bounds;
};

/// `workers` and `kills` are what is promised with figures; `mixed` is everything at once; `short`
/// is `mixed` in so few seconds that most faults come at least once.
Profile profile_named(const std::string& name) {
  if (name == "workers") return {{.kill_worker = 2500ms}, {1.0, 5000}};
  if (name == "kills") return {{.kill_worker = 1000ms, .kill_redis = 4000ms}, {1.0, 0}};
  if (name == "mixed") {
    return {{.kill_worker = 2000ms,
             .stop_worker = 9000ms,
             .kill_producer = 5000ms,
             .kill_redis = 9000ms,
             .stop_redis = 11000ms,
             .cut_clients = 7000ms,
             .flush_functions = 13000ms},
            {}};
  }
  if (name == "short") {
    return {{.kill_worker = 1500ms,
             .stop_worker = 5000ms,
             .kill_producer = 3000ms,
             .kill_redis = 5000ms,
             .stop_redis = 6000ms,
             .cut_clients = 4000ms,
             .flush_functions = 6000ms},
            {}};
  }
  if (name == "calm") return {};
  std::fprintf(stderr, "--profile is %s: expected workers, kills, mixed, short or calm\n",
               name.c_str());
  std::exit(2);
}

FleetOptions fleet_options(const Arguments& arguments) {
  FleetOptions options;
  options.producers = static_cast<std::size_t>(arguments.number("--producers"));
  options.workers = static_cast<std::size_t>(arguments.number("--workers"));
  options.rate = arguments.number("--rate");
  options.portion = arguments.number("--portion");
  options.concurrency = arguments.number("--concurrency");
  options.lease_ms = arguments.number("--lease-ms");
  options.work_us = arguments.number("--work-us");
  options.in_flight = arguments.number("--in-flight");
  options.drain_seconds = arguments.number("--drain-seconds");
  const auto fsync = parse_fsync(arguments.text("--fsync"));
  if (!fsync) throw std::runtime_error("--fsync is neither none, everysec nor always");
  options.fsync = *fsync;
  return options;
}

void wait_until(Clock::time_point at, Fleet& fleet) {
  do {
    fleet.watch();
    std::this_thread::sleep_until(std::min(at, Clock::now() + 20ms));
  } while (Clock::now() < at);
}

/// One round with a server of its own.
nlohmann::ordered_json run_round(const Arguments& arguments, std::uint64_t seed,
                                 std::chrono::milliseconds length) {
  const Profile profile = profile_named(arguments.text("--profile"));
  const FleetOptions options = fleet_options(arguments);
  const auto schedule = make_schedule({.seed = seed,
                                       .length = length,
                                       .periods = profile.periods,
                                       .workers = options.workers,
                                       .producers = options.producers,
                                       .lease = std::chrono::milliseconds{options.lease_ms}});
  Fleet fleet(options);
  fleet.start();
  const auto begin = Clock::now();
  for (const FaultAt& fault : schedule) {
    wait_until(begin + fault.at, fleet);
    fleet.inflict(fault);
  }
  wait_until(begin + length, fleet);
  if (!arguments.text("--sabotage").empty()) fleet.sabotage(arguments.text("--sabotage"));
  fleet.drain();
  Evidence evidence = fleet.evidence();
  const Ledger ledger = settle_accounts(evidence, profile.bounds);
  auto report = report_of(arguments.text("--profile"), seed, options, fleet, ledger);
  // What was broken on purpose needs no looking into.
  if (report["broken"].empty() || !arguments.text("--sabotage").empty()) {
    std::filesystem::remove_all(fleet.folder());
  } else {
    std::printf("records and logs are kept in %s\n", fleet.folder().c_str());
  }
  return report;
}

int run(const Arguments& arguments) {
  const auto seed = static_cast<std::uint64_t>(arguments.number("--seed"));
  const std::int64_t seconds = arguments.number("--seconds");
  const std::int64_t round_seconds = std::min(seconds, arguments.number("--round-seconds"));
  nlohmann::ordered_json sum;
  for (std::int64_t spent = 0; spent < seconds; spent += round_seconds) {
    const auto length = std::chrono::seconds{std::min(round_seconds, seconds - spent)};
    const std::uint64_t round_seed = seed + static_cast<std::uint64_t>(spent / round_seconds);
    const auto report = run_round(arguments, round_seed, length);
    if (seconds > round_seconds) {
      std::printf("round with seed %ju\n%s\n", round_seed, table_of(report).c_str());
    }
    std::fflush(stdout);
    add_to(sum, report);
  }
  std::fputs(table_of(sum).c_str(), stdout);
  if (!arguments.text("--json").empty()) {
    std::ofstream(arguments.text("--json")) << sum.dump(2) << "\n";
  }
  return sum["broken"].empty() ? 0 : 1;
}

}  // namespace
}  // namespace ferry::fault

int main(int argc, char** argv) {
  const ferry::fault::Arguments arguments(argc, argv,
                                          {{"--seed", "1"},
                                           {"--seconds", "15"},
                                           {"--round-seconds", "120"},
                                           {"--profile", "short"},
                                           {"--producers", "2"},
                                           {"--workers", "3"},
                                           {"--rate", "20000"},
                                           {"--portion", "100"},
                                           {"--concurrency", "4"},
                                           {"--lease-ms", "3000"},
                                           {"--in-flight", "40000"},
                                           {"--work-us", "500"},
                                           {"--fsync", "everysec"},
                                           {"--drain-seconds", "120"},
                                           {"--sabotage", ""},
                                           {"--json", ""}});
  try {
    return ferry::fault::run(arguments);
  } catch (const ferry::Error& error) {
    const char* ci = std::getenv("CI");
    if (error.code() != ferry::ErrorCode::unsupported || (ci && std::string_view(ci) == "true")) {
      std::fprintf(stderr, "fault_harness: %s\n", error.what());
      return 1;
    }
    std::printf("[  SKIPPED ] %s\n", error.what());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fault_harness: %s\n", error.what());
    return 1;
  }
}
