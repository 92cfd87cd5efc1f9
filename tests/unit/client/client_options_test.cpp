#include "ferry/client_options.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "ferry/error.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;

void expect_refused(const std::string& field, const std::function<void(ClientOptions&)>& change) {
  ClientOptions options;
  change(options);
  try {
    options.validate();
    FAIL() << field << " was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(error.what()).find(field), std::string::npos) << error.what();
  }
}

TEST(ClientOptionsTest, AcceptsItsOwnDefaults) { EXPECT_NO_THROW(ClientOptions{}.validate()); }

TEST(ClientOptionsTest, AcceptsTheEdgesOfEveryRange) {
  ClientOptions low;
  low.block_timeout = 0ms;
  low.max_jobs_per_envelope = 1;
  low.max_bytes_per_envelope = 1024;
  low.buffer_jobs = 1;
  low.buffer_bytes = 64 * 1024;
  EXPECT_NO_THROW(low.validate());
  ClientOptions high;
  high.block_timeout = 1h;
  high.linger = 1s;
  high.max_jobs_per_envelope = 1000;
  high.max_bytes_per_envelope = 1024 * 1024;
  high.buffer_jobs = 10'000'000;
  high.buffer_bytes = std::size_t{4} << 30;
  EXPECT_NO_THROW(high.validate());
}

TEST(ClientOptionsTest, NamesTheFieldThatIsOutOfRange) {
  expect_refused("queue", [](ClientOptions& o) { o.queue = "no spaces"; });
  expect_refused("queue", [](ClientOptions& o) { o.queue = ""; });
  expect_refused("limits.max_jobs", [](ClientOptions& o) { o.limits.max_jobs = -1; });
  expect_refused("limits.max_bytes", [](ClientOptions& o) { o.limits.max_bytes = -1; });
  expect_refused("limits.max_age", [](ClientOptions& o) { o.limits.max_age = -1ms; });
  expect_refused("when_full", [](ClientOptions& o) { o.when_full = static_cast<WhenFull>(9); });
  expect_refused("block_timeout", [](ClientOptions& o) { o.block_timeout = -1ms; });
  expect_refused("block_timeout", [](ClientOptions& o) { o.block_timeout = 1h + 1ms; });
  expect_refused("durability.replicas", [](auto& o) { o.durability = Durability::replicated(0); });
  expect_refused("linger", [](ClientOptions& o) { o.linger = 1s + 1us; });
  expect_refused("max_jobs_per_envelope", [](ClientOptions& o) { o.max_jobs_per_envelope = 0; });
  expect_refused("max_jobs_per_envelope", [](ClientOptions& o) { o.max_jobs_per_envelope = 1001; });
  expect_refused("max_bytes_per_envelope", [](ClientOptions& o) { o.max_bytes_per_envelope = 1; });
  expect_refused("buffer_jobs", [](ClientOptions& o) { o.buffer_jobs = 0; });
  expect_refused("buffer_bytes", [](ClientOptions& o) { o.buffer_bytes = 1; });
}

TEST(ClientOptionsTest, ChecksTheRedisOptionsToo) {
  expect_refused("prefix", [](ClientOptions& o) { o.redis.prefix = "a b"; });
}

}  // namespace
}  // namespace ferry
