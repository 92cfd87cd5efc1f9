#include "redis_memory.hpp"

#include <string>
#include <thread>

#include "producer.hpp"
#include "redis/connection.hpp"
#include "redis/server_info.hpp"
#include "stopwatch.hpp"

namespace ferry::bench {
namespace {

std::int64_t number_in(redis::Connection& connection, const char* section, const char* field) {
  const auto info = redis::server_info(connection, section);
  return info ? std::stoll(std::string(redis::field(*info, field))) : 0;
}

std::int64_t used_memory_alone(redis::Connection& connection) {
  const auto deadline = Clock::now() + patience;
  while (number_in(connection, "clients", "connected_clients") != 1) {
    if (Clock::now() > deadline) throw Failure("the producer's connection does not end");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return number_in(connection, "memory", "used_memory");
}

}  // namespace

RedisMemory memory_of(const Load& load) {
  const PrivateRedis server;
  const RedisOptions redis{.url = server.url(), .prefix = "ferrybench"};
  redis::Connection connection(redis);
  connection.connect();
  // Loads the functions and makes the queue's keys: they cost the same for any number of jobs.
  { Producer first(redis, "memory", {.jobs = 1}); }
  const std::int64_t before = used_memory_alone(connection);
  RedisMemory memory;
  {
    Producer producer(redis, "memory", load);
    producer.hand_over();
    memory.payload_bytes = producer.payload_bytes();
  }
  memory.grown_bytes = used_memory_alone(connection) - before;
  return memory;
}

}  // namespace ferry::bench
