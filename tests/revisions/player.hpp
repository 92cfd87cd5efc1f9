#pragma once

#include <string>
#include <vector>

#include "redis/connection.hpp"
#include "revisions/names.hpp"
#include "revisions/pattern.hpp"
#include "revisions/recording.hpp"

namespace ferry::revisions {

/// Sends what the programs of an old revision sent, and reads the replies as they read them.
///
/// Threads: one thread at a time.
class Player {
 public:
  Player(const Recording& recording, RedisOptions redis);

  /// Plays the scenes before it, unless `play_alone`, and the scene.
  ///
  /// Returns: whether every reply was as expected; `complaints` say what was not.
  bool play(const std::string& role_and_name, Reading reading = Reading::exact);
  bool play_alone(const std::string& role_and_name, Reading reading = Reading::exact);

  /// One sentence for each reply that an old program would not have understood.
  const std::vector<std::string>& complaints() const { return complaints_; }
  /// Calls sent, transactions counted as one, without what was done by hand.
  int calls() const { return calls_; }

  Names names;

 private:
  void make(const Step& step, const std::string& scene, Reading reading);
  void await_due();
  std::string sent_and_read(const Step& step, const std::vector<std::vector<std::string>>& commands,
                            Reading reading);
  void remember(const std::vector<std::string>& command, const redis::Reply& reply);

  const Recording& recording_;
  redis::Connection connection_;
  std::vector<std::string> complaints_;
  int calls_ = 0;
};

}  // namespace ferry::revisions
