#include "model/differential.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "functions/library.hpp"
#include "support/redis_test.hpp"

namespace ferry::model {
namespace {

/// Operations in all; FERRY_MODEL_OPERATIONS asks for more, FERRY_MODEL_SEED for others.
std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

class DifferentialTest : public test::RedisTest {
 protected:
  void SetUp() override {
    RedisTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    connection = std::make_unique<redis::Connection>(options());
  }

  std::unique_ptr<redis::Connection> connection;
};

TEST_F(DifferentialTest, TheLibraryDoesWhatTheTwinDoes) {
  constexpr std::size_t operations_in_a_queue = 250;
  const std::uint64_t operations = from_environment("FERRY_MODEL_OPERATIONS", 5000);
  const std::uint64_t first_seed = from_environment("FERRY_MODEL_SEED", 1);
  ASSERT_EQ(RealQueue::load(*connection, RealQueue::with_clock(library_text())), "");
  for (std::uint64_t i = 0; i * operations_in_a_queue < operations; ++i) {
    const auto sequence = random_operations(first_seed + i, operations_in_a_queue);
    if (!compare(*connection, sequence)) continue;
    FAIL() << "FERRY_MODEL_SEED=" << first_seed + i << " differs:\n"
           << explain(*connection, sequence);
  }
}

// The comparison must see what it is there for: a library that forgets one of its rules.
TEST_F(DifferentialTest, FindsARuleThatIsMissing) {
  std::string text = RealQueue::with_clock(library_text());
  const std::string rule = "call('HDEL', keys[2], name)";  // the fence
  text.replace(text.find(rule), rule.size(), "");
  ASSERT_EQ(RealQueue::load(*connection, text), "");
  bool found = false;
  for (std::uint64_t seed = 1; seed <= 200 && !found; ++seed) {
    const auto sequence = random_operations(seed, 250);
    if (!compare(*connection, sequence)) continue;
    found = true;
    const auto few = shrink(*connection, sequence);
    EXPECT_LT(few.size(), 20u) << "what matters is a handful of calls";
    EXPECT_TRUE(compare(*connection, few).has_value());
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace ferry::model
