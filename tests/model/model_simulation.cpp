// Many producers and workers on the twin of the functions, with faults; replays by seed.
//
//   model_simulation [--seed S] [--steps N] [--redis]
//
// `--redis` makes each call on a Redis of its own too, and compares.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string>

#include "ferry/private_redis.hpp"
#include "functions/library.hpp"
#include "model/simulated_queue.hpp"

namespace {

using namespace ferry;         // NOLINT: a program of one file
using namespace ferry::model;  // NOLINT

int run(std::uint64_t seed, std::uint64_t steps, bool with_redis) {
  std::unique_ptr<PrivateRedis> server;
  std::unique_ptr<redis::Connection> connection;
  std::unique_ptr<RealQueue> real;
  if (with_redis) {
    server = std::make_unique<PrivateRedis>();
    connection = std::make_unique<redis::Connection>(RedisOptions{.url = server->url()});
    const std::string refused = RealQueue::load(*connection, RealQueue::with_clock(library_text()));
    if (!refused.empty()) throw std::runtime_error(refused);
    real = std::make_unique<RealQueue>(*connection, "simulation");
  }
  Simulation simulation({.seed = seed}, real ? compared_with(*real) : nullptr);
  bool sound = true;
  std::uint64_t done = 0;
  while (sound && done < steps) {
    sound = simulation.step();
    ++done;
  }
  sound = sound && simulation.drain();
  std::cout << "seed " << seed << ", " << done << " steps: " << simulation.summary() << "\n"
            << (sound ? "everything held after each step, and the queue drained"
                      : "WRONG: " + simulation.wrong())
            << "\n";
  return sound ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  std::uint64_t seed = 1;
  std::uint64_t steps = 20'000;
  bool with_redis = false;
  for (int i = 1; i < count; ++i) {
    const std::string name = words[i];
    if (name == "--redis") {
      with_redis = true;
    } else if (name == "--seed" && i + 1 < count) {
      seed = std::strtoull(words[++i], nullptr, 10);
    } else if (name == "--steps" && i + 1 < count) {
      steps = std::strtoull(words[++i], nullptr, 10);
    } else {
      std::cerr << "model_simulation [--seed S] [--steps N] [--redis]\n";
      return 2;
    }
  }
  try {
    return run(seed, steps, with_redis);
  } catch (const std::exception& error) {
    std::cerr << "model_simulation: " << error.what() << "\n";
    return 2;
  }
}
