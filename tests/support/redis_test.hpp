#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "ferry/error.hpp"
#include "ferry/private_redis.hpp"
#include "redis/connection.hpp"
#include "redis/reply.hpp"

namespace ferry::test {

/// Starts a server of the test's own. Where no server program is installed the test is skipped, and
/// fails when `CI=true`.
///
/// Returns: null after the test was marked as skipped or failed.
inline std::unique_ptr<PrivateRedis> start_redis(PrivateRedisOptions options = {}) {
  try {
    return std::make_unique<PrivateRedis>(std::move(options));
  } catch (const Error& error) {
    const char* ci = std::getenv("CI");
    const bool must_run = ci != nullptr && std::string_view(ci) == "true";
    if (error.code() != ErrorCode::unsupported || must_run) {
      ADD_FAILURE() << error.what();
    } else {
      [&] { GTEST_SKIP() << error.what(); }();
    }
    return nullptr;
  }
}

/// One server for all tests of a program; each test finds it empty.
class RedisTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!server_) server_ = start_redis();
  }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    if (!server_) server_ = start_redis();
    if (!server_) return;
    redis::Connection(options()).call({"FLUSHALL"});
  }

  static PrivateRedis& server() { return *server_; }
  static RedisOptions options() { return {.url = server_->url()}; }

 private:
  inline static std::unique_ptr<PrivateRedis> server_;
};

/// A reply as text, for comparing and for messages: `[OK, 1, [a, nil]]`.
inline std::string show(const redis::Reply& reply) {
  using Type = redis::Reply::Type;
  switch (reply.type) {
    case Type::nil:
      return "nil";
    case Type::integer:
      return std::to_string(reply.integer);
    case Type::error:
      return "error " + std::string(reply.text);
    case Type::text:
    case Type::status:
      return std::string(reply.text);
    case Type::array:
      break;
  }
  std::string text = "[";
  for (const redis::Reply& element : reply) {
    if (text.size() > 1) text += ", ";
    text += show(element);
  }
  return text + "]";
}

}  // namespace ferry::test
