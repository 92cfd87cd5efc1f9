#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/call_parts.hpp"
#include "model/operation.hpp"
#include "model/random_source.hpp"
#include "model/twin.hpp"

namespace ferry::model {

/// An envelope that a worker holds, or held, or that never was.
struct DrawnLease {
  std::size_t digit = 1;
  std::string id;
  std::string worker;
  std::string envelope;
};

/// Draws calls of the functions in beat.lua, parts.lua and due.lua, most of them sensible.
class AsideCalls {
 public:
  AsideCalls(RandomSource& random, CallParts& parts, const Twin& twin)
      : random_(random), parts_(parts), twin_(twin) {}

  /// Any of the calls that a worker makes of its own accord, with what was drawn for it.
  Operation next(const std::string& worker, std::size_t digit,
                 const std::vector<DrawnLease>& leases);
  Operation promote();
  Operation stray(std::int64_t now);

 private:
  Operation beat(const std::string& worker);
  Operation look(const std::string& worker);
  Operation claim(const std::string& worker, std::size_t digit);
  Operation set_aside(const std::vector<DrawnLease>& drawn);
  Operation part(const DrawnLease& drawn);
  Operation dead_split();
  Operation hint(const std::string& worker);
  Operation due_move(std::size_t digit);
  std::string living(const std::string& worker);
  std::vector<DrawnLease> held(const std::vector<DrawnLease>& leases);
  std::string lease_told();
  std::string holder(std::size_t digit);
  std::string packed(const std::vector<std::size_t>& at);

  RandomSource& random_;
  CallParts& parts_;
  const Twin& twin_;
};

}  // namespace ferry::model
