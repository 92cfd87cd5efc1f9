#pragma once

#include <string>

#include "model/call_parts.hpp"
#include "model/operation.hpp"
#include "model/random_source.hpp"
#include "model/twin.hpp"

namespace ferry::model {

/// Writes the calls of operators that fit what a twin holds.
class OperatorCalls {
 public:
  OperatorCalls(RandomSource& random, CallParts& parts, const Twin& twin)
      : random_(random), parts_(parts), twin_(twin) {}

  /// A large dead letter that goes back, one of these.
  Operation dead_open(const Words& names);
  /// Of the dead letters these, some delayed ones and some that wait, or were seen waiting.
  Operation remove(const Words& dead, std::size_t digit);
  /// `entry`: an id somewhere in the stream; empty = none is known.
  Operation weigh(const std::string& entry, std::size_t digit);
  /// As operators up to revision 4 count.
  Operation count(const std::string& entry, std::size_t digit);

 private:
  void add_removal(Words& args, const std::string& where, const std::string& name,
                   const std::string& envelope);

  RandomSource& random_;
  CallParts& parts_;
  const Twin& twin_;
};

}  // namespace ferry::model
