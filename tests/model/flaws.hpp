#pragma once

#include <string>
#include <vector>

#include "model/world.hpp"

namespace ferry::model {

/// A rule of the protocol, broken.
struct NamedFlaw {
  std::string rule;
  Flaw flaw;
  bool leaving = false;  ///< only a world in which jobs leave workers can show it
};

/// One for each rule that an exploration has to guard.
std::vector<NamedFlaw> flaws();

}  // namespace ferry::model
