#include "floor.hpp"

#include <hiredis/hiredis.h>

#include <cstdlib>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

#include "stopwatch.hpp"
#include "tick.hpp"

namespace ferry::bench {
namespace {

constexpr const char* stream = "floor";

using Context = std::unique_ptr<redisContext, decltype(&redisFree)>;
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

Context connect(const std::string& socket_path) {
  Context context(redisConnectUnix(socket_path.c_str()), &redisFree);
  if (context == nullptr || context->err != 0) {
    throw std::runtime_error("floor: cannot connect to " + socket_path);
  }
  return context;
}

Reply checked(void* reply) {
  Reply owned(static_cast<redisReply*>(reply));
  if (owned == nullptr) throw std::runtime_error("floor: Redis closed the connection");
  if (owned->type == REDIS_REPLY_ERROR) {
    throw std::runtime_error(std::string("floor: Redis says: ") + owned->str);
  }
  return owned;
}

Reply next_reply(redisContext* context) {
  void* reply = nullptr;
  redisGetReply(context, &reply);
  return checked(reply);
}

double microseconds_since(const redisReply* value) {
  return static_cast<double>(nanoseconds_now() - std::strtoll(value->str, nullptr, 10)) / 1e3;
}

void take(redisContext* context, std::size_t total, FloorLatencies& latencies) {
  const auto deadline = Clock::now() + patience;
  while (latencies.settled.size() < total) {
    const Reply reply = checked(
        redisCommand(context, "XREADGROUP GROUP g one COUNT 100 BLOCK 1000 STREAMS %s >", stream));
    if (Clock::now() > deadline) throw std::runtime_error("floor: an entry is missing");
    if (reply->type != REDIS_REPLY_ARRAY) continue;
    const redisReply* entries = reply->element[0]->element[1];
    for (std::size_t i = 0; i < entries->elements; ++i) {
      const redisReply* entry = entries->element[i];
      const redisReply* stamp = entry->element[1]->element[1];
      latencies.start.push_back(microseconds_since(stamp));
      redisAppendCommand(context, "XACK %s g %s", stream, entry->element[0]->str);
      redisAppendCommand(context, "XDEL %s %s", stream, entry->element[0]->str);
      next_reply(context);
      next_reply(context);
      latencies.settled.push_back(microseconds_since(stamp));
    }
  }
}

}  // namespace

FloorLatencies measure_floor(const std::string& socket_path, const load::Schedule& schedule) {
  const Context producer = connect(socket_path);
  const Context worker = connect(socket_path);
  checked(redisCommand(producer.get(), "FLUSHALL"));
  checked(redisCommand(producer.get(), "XGROUP CREATE %s g 0 MKSTREAM", stream));
  FloorLatencies latencies;
  auto taken =
      std::async(std::launch::async, [&] { take(worker.get(), schedule.size(), latencies); });
  const auto start = Clock::now();
  for (const auto at : schedule) {
    std::this_thread::sleep_until(start + at);
    const std::string stamp = std::to_string(nanoseconds_now());
    checked(redisCommand(producer.get(), "XADD %s * t %s", stream, stamp.c_str()));
  }
  taken.get();
  return latencies;
}

}  // namespace ferry::bench
