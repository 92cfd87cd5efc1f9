#include "fault/harness/schedule.hpp"

#include <algorithm>
#include <random>

namespace ferry::fault {
namespace {

using std::chrono::milliseconds;

/// Not `std::uniform_int_distribution`: that one may differ from library to library.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : random_() % bound; }
  milliseconds between(milliseconds from, milliseconds to) {
    return from + milliseconds{below(static_cast<std::uint64_t>((to - from).count()) + 1)};
  }

 private:
  std::mt19937_64 random_;
};

class Plan {
 public:
  explicit Plan(const ScheduleOptions& options) : options_(options) {}

  /// Each kind has dice of its own: another period for one leaves the others where they were.
  void add(Fault fault, milliseconds period, std::size_t targets) {
    if (period.count() == 0) return;
    Dice dice(options_.seed * fault_count + static_cast<std::uint64_t>(fault));
    milliseconds at{0};
    while ((at += dice.between(period / 2, period * 3 / 2)) < options_.length) {
      const std::size_t target = dice.below(targets);
      all_.push_back({at, fault, target});
      if (fault == Fault::stop_worker) {
        end_pause(at, at + options_.lease + dice.between(milliseconds{500}, milliseconds{2000}),
                  Fault::continue_worker, target);
      } else if (fault == Fault::stop_redis) {
        end_pause(at, at + dice.between(milliseconds{200}, milliseconds{1500}),
                  Fault::continue_redis, target);
      }
    }
  }

  std::vector<FaultAt> finish() {
    std::ranges::stable_sort(all_, {}, &FaultAt::at);
    return std::move(all_);
  }

 private:
  /// `next` is when the pause ends; the same kind does not begin again before.
  void end_pause(milliseconds& next, milliseconds until, Fault fault, std::size_t target) {
    next = std::min(until, options_.length);
    all_.push_back({next, fault, target});
  }

  const ScheduleOptions& options_;
  std::vector<FaultAt> all_;
};

}  // namespace

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::kill_worker:
      return "kill_worker";
    case Fault::stop_worker:
      return "stop_worker";
    case Fault::continue_worker:
      return "continue_worker";
    case Fault::kill_producer:
      return "kill_producer";
    case Fault::kill_redis:
      return "kill_redis";
    case Fault::stop_redis:
      return "stop_redis";
    case Fault::continue_redis:
      return "continue_redis";
    case Fault::cut_clients:
      return "cut_clients";
    case Fault::flush_functions:
      return "flush_functions";
  }
  return "?";
}

std::vector<FaultAt> make_schedule(const ScheduleOptions& options) {
  Plan plan(options);
  const FaultPeriods& periods = options.periods;
  plan.add(Fault::kill_worker, periods.kill_worker, options.workers);
  plan.add(Fault::stop_worker, periods.stop_worker, options.workers);
  plan.add(Fault::kill_producer, periods.kill_producer, options.producers);
  plan.add(Fault::kill_redis, periods.kill_redis, 1);
  plan.add(Fault::stop_redis, periods.stop_redis, 1);
  plan.add(Fault::cut_clients, periods.cut_clients, 1);
  plan.add(Fault::flush_functions, periods.flush_functions, 1);
  return plan.finish();
}

}  // namespace ferry::fault
