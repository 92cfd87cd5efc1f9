#include "flow/live/command_log.hpp"

#include <iterator>

#include "redis/connection.hpp"

namespace ferry::flow {
namespace {

constexpr std::string_view own_name = "flow-log";
constexpr std::chrono::milliseconds period{100};

}  // namespace

CommandLog::CommandLog(const RedisOptions& redis) : redis_(redis) {
  redis::Connection admin(redis_);
  admin.call({"CONFIG", "SET", "slowlog-log-slower-than", "0"});
  admin.call({"SLOWLOG", "RESET"});
  thread_ = std::thread([this] { loop(); });
}

CommandLog::~CommandLog() { stop(); }

void CommandLog::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void CommandLog::loop() {
  redis::Connection connection(redis_);
  connection.call({"CLIENT", "SETNAME", own_name});
  bool last = false;
  while (!last) {
    last = stopping_;
    if (!last) std::this_thread::sleep_for(period);
    // Nothing is logged between the two.
    connection.call({"MULTI"});
    connection.call({"SLOWLOG", "GET", "-1"});
    connection.call({"SLOWLOG", "RESET"});
    const redis::ReplyPtr reply = connection.call({"EXEC"});
    auto found = test::ServerMeter::traced(reply->root()[0], own_name);
    std::ranges::move(found, std::back_inserter(commands_));
  }
}

}  // namespace ferry::flow
