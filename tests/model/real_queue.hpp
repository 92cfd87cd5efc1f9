#pragma once

#include <string>
#include <string_view>

#include "functions/keys.hpp"
#include "model/operation.hpp"
#include "redis/connection.hpp"

namespace ferry::model {

/// What an operation did: its answer, and everything that is stored afterwards (`Twin::snapshot`).
struct Effect {
  Answer answer;
  Words stored;
};

/// A queue on a real Redis with the real library, but on a clock that each operation sets.
///
/// The clock is put in at one place of the library's text: all its commands go through one local
/// function. There `TIME` and the ids of new entries are read from a key, everything else is as it
/// is.
class RealQueue {
 public:
  /// Returns: the library's text with its clock replaced, or nothing when there is no such place.
  static std::string with_clock(std::string_view library);
  /// Loads a library in place of the one there is.
  ///
  /// Returns: what Redis had against it, empty when it is loaded.
  static std::string load(redis::Connection& connection, std::string_view library);

  RealQueue(redis::Connection& connection, std::string_view name);

  /// Queues an operation and the look at what is stored; many may be queued.
  void append(const Operation& operation);
  /// Returns: what the first operation did whose effect was not read yet.
  Effect read(const Operation& operation);

 private:
  void append_call(const Operation& operation);
  void append_move(const Operation& operation);
  void append_look();
  Words read_look();
  std::vector<std::string> keys_of(const Operation& operation) const;

  redis::Connection& connection_;
  Keys keys_;
};

}  // namespace ferry::model
