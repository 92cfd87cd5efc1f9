#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "batching/time.hpp"
#include "log/log.hpp"
#include "redis/connection.hpp"
#include "upkeep/role.hpp"

namespace ferry::detail {

/// The thread that gives each role its turn.
///
/// Threads: `wake` and `stop` from any thread.
class Upkeep {
 public:
  /// `connected` is called after each new connection, before any role.
  Upkeep(const RedisOptions& redis, std::vector<std::unique_ptr<Role>> roles,
         std::function<void()> connected, const Log& log);
  ~Upkeep();

  void start();
  /// Gives every role a turn now.
  void wake();
  void stop();

 private:
  struct Due {
    std::unique_ptr<Role> role;
    Time at{};
  };

  void loop();
  Time turn(bool all);

  redis::Connection connection_;
  std::vector<Due> roles_;  ///< upkeep's thread only
  std::function<void()> connected_;
  const Log& log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ferry::detail
