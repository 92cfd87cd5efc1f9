#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "support/wait.hpp"

namespace ferry::test {

/// A test with a server of its own. Without a server program it is skipped, under CI=true it fails.
class RedisTest : public ::testing::Test {
 protected:
  explicit RedisTest(PrivateRedisOptions options = {}) : server_options_(std::move(options)) {}

  void SetUp() override {
    try {
      redis.emplace(server_options_);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported) throw;
      const char* ci = std::getenv("CI");
      if (ci != nullptr && std::string(ci) == "true") FAIL() << error.what();
      GTEST_SKIP() << error.what();
    }
  }

  RedisOptions reach() const {
    RedisOptions options;
    options.url = redis->url();
    return options;
  }

  ClientOptions client_options() const {
    ClientOptions options;
    options.redis = reach();
    return options;
  }

  /// Every job of a queue in that state, over all pages.
  std::vector<JobInfo> stored(JobState state = JobState::waiting,
                              const std::string& queue = "default") const {
    Queue look(reach(), queue);
    std::vector<JobInfo> jobs;
    std::string from;
    do {
      JobPage page = look.jobs(state, 1000, from);
      for (JobInfo& job : page.jobs) jobs.push_back(std::move(job));
      from = std::move(page.next);
    } while (!from.empty());
    return jobs;
  }

  std::optional<PrivateRedis> redis;

 private:
  PrivateRedisOptions server_options_;
};

struct Note {
  static constexpr std::string_view kind = "note";
  int number = 0;
  MSGPACK_DEFINE_MAP(number)
};

}  // namespace ferry::test
