#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "support/counting_redis.hpp"

namespace ferry::flow {

/// A job that left its worker before it had run.
struct GivenBack {
  std::uint32_t job = 0;
  std::int64_t at_ms = 0;  ///< since 1970; of what was set aside in whole seconds
};

/// An entry that was set aside: pending under a name that never lives, until a worker claims it.
struct SetAside {
  std::string stream;
  std::string entry;
  std::int64_t unix_s = 0;
};

/// How often jobs were given back.
struct GiveBacks {
  std::int64_t most = 0;  ///< of one job, in its life
  std::int64_t most_in_a_second = 0;
  std::int64_t all = 0;
  std::int64_t not_seen = 0;  ///< entries of which nothing is known
};

GiveBacks count_give_backs(std::vector<GivenBack> given_back);

/// Returns: what was set aside by the commands of a server's log, as far as it kept their words.
/// `not_seen` grows by those that it did not.
std::vector<SetAside> set_aside_by(std::span<const test::Traced> commands, std::int64_t& not_seen);

}  // namespace ferry::flow
