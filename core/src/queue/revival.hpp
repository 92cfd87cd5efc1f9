#pragma once

#include <string>
#include <string_view>

namespace ferry::detail {

/// What a dead letter becomes when it is put back.
struct Revival {
  std::string envelope;  ///< without attempts and reason; empty = no worker could run it
  std::size_t jobs = 0;
  std::string why_not;
};

/// An envelope that a newer version wrote goes back as it was: a newer worker may run it.
Revival revive(std::string_view letter);

}  // namespace ferry::detail
