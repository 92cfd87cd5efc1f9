#include "model/simulation.hpp"

#include <gtest/gtest.h>

#include "functions/library.hpp"
#include "model/simulated_queue.hpp"
#include "support/redis_test.hpp"

namespace ferry::model {
namespace {

std::string history(std::uint64_t seed, int steps, Simulation::Observer observer = nullptr) {
  Simulation simulation({.seed = seed}, std::move(observer));
  bool sound = true;
  for (int i = 0; i < steps && sound; ++i) sound = simulation.step();
  sound = sound && simulation.drain();
  EXPECT_TRUE(sound) << "model_simulation --seed " << seed << " --steps " << steps << "\n"
                     << simulation.wrong() << "\n"
                     << simulation.summary();
  return simulation.summary();
}

TEST(SimulationTest, LosesNothingWhateverGoesWrong) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) history(seed, 2000);
}

TEST(SimulationTest, ReplaysBySeed) {
  EXPECT_EQ(history(7, 1000), history(7, 1000));
  EXPECT_NE(history(7, 1000), history(8, 1000));
}

class RealSimulationTest : public test::RedisTest {};

TEST_F(RealSimulationTest, LosesNothingOnARealRedisEither) {
  redis::Connection connection(options());
  ASSERT_EQ(RealQueue::load(connection, RealQueue::with_clock(library_text())), "");
  RealQueue real(connection, "simulation");
  history(1, 3000, compared_with(real));
}

}  // namespace
}  // namespace ferry::model
