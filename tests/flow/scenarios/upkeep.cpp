// Are dead workers and due jobs noticed in time, however many queues there are and however far away
// Redis is, and what does that cost while nothing happens?

#include "flow/scenarios/upkeep.hpp"

namespace ferry::flow {

Mix upkeep_mix(std::size_t queues, std::size_t workers, std::chrono::milliseconds lease) {
  Mix mix;
  mix.name = "upkeep";
  mix.queue_weights.assign(queues, 1);
  mix.workers.assign(workers, MixWorker{});
  mix.kinds.assign(1, MixKind{});
  mix.lease = lease;
  return mix;
}

std::string round_trip_name(std::chrono::microseconds round_trip) {
  return round_trip.count() == 0 ? "0.1 ms" : std::to_string(round_trip.count() / 1000) + " ms";
}

void run_upkeep(const ScenarioSettings& settings, Sheet& sheet) {
  if (settings.brief) return take_over_brief(sheet);
  take_over_cells(settings, sheet);
  delay_cells(settings, sheet);
  idle_cells(settings, sheet);
}

}  // namespace ferry::flow
