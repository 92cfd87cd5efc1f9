// What do workers cost Redis while there is nothing to do?

#include <charconv>
#include <thread>

#include "flow/live/link.hpp"
#include "flow/scenarios/upkeep.hpp"
#include "redis/connection.hpp"

namespace ferry::flow {
namespace {

using namespace std::chrono_literals;

constexpr auto watched_for = 30s;

struct Used {
  double cpu_s = 0;     ///< of the whole server
  double beats_us = 0;  ///< in functions
  double reads_us = 0;  ///< in XREADGROUP
  double calls = 0;
};

/// Returns: what follows `name` in an INFO text, 0 where it is absent.
double number_after(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + name.size());
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

double microseconds_in(std::string_view text, std::string_view command) {
  const std::size_t at = text.find(command);
  return at == std::string_view::npos ? 0 : number_after(text.substr(at), ",usec=");
}

Used used(redis::Connection& admin) {
  const redis::ReplyPtr reply = admin.call({"INFO", "everything"});
  const std::string_view text = reply->root().text;
  return {number_after(text, "used_cpu_user:") + number_after(text, "used_cpu_sys:"),
          microseconds_in(text, "cmdstat_fcall:"), microseconds_in(text, "cmdstat_xreadgroup:"),
          number_after(text, "total_commands_processed:")};
}

void run_cell(std::size_t workers, std::size_t queues, double most_percent, Sheet& sheet) {
  const Link link(upkeep_mix(queues, workers, 0ms), 0us);
  std::vector<std::unique_ptr<WorkerProcess>> all;
  for (std::size_t i = 0; i < workers; ++i) {
    all.push_back(link.start_and_wait(i));
    sheet.must_hold("a worker starts", all.back() != nullptr);
    if (all.back() == nullptr) return sheet.note(link.log());
  }
  redis::Connection admin(link.reach());
  admin.connect();
  std::this_thread::sleep_for(2s);  // measured is what goes on for ever
  const Used before = used(admin);
  std::this_thread::sleep_for(watched_for);
  const Used after = used(admin);
  const double seconds = std::chrono::duration<double>(watched_for).count();
  const double cpu = 100 * (after.cpu_s - before.cpu_s) / seconds;
  if (most_percent > 0) {
    sheet.at_most("Redis", cpu, most_percent, "% of a core");
  } else {
    sheet.figure("Redis", cpu, "% of a core");
  }
  sheet.figure("in functions", (after.beats_us - before.beats_us) / 1e4 / seconds, "% of a core");
  sheet.figure("in XREADGROUP", (after.reads_us - before.reads_us) / 1e4 / seconds, "% of a core");
  sheet.figure("commands", (after.calls - before.calls) / seconds, "a second");
}

}  // namespace

void idle_cells(const ScenarioSettings& settings, Sheet& sheet) {
  const auto cell = [&](std::size_t workers, std::size_t queues, double most_percent) {
    const std::string name =
        "idle, " + std::to_string(workers) + " workers, " + std::to_string(queues) + " queues";
    if (!settings.wants(name)) return;
    sheet.begin("upkeep", name);
    run_cell(workers, queues, most_percent, sheet);
  };
  cell(10, 256, 5);
  cell(1, 256, 0);
  cell(10, 1, 0);
}

}  // namespace ferry::flow
