#pragma once

#include <map>
#include <optional>
#include <string>

#include "ferry/client_options.hpp"

namespace ferry::bench {

/// What a figure depends on beside our code; as short as it goes into a table or a file.
struct Surroundings {
  std::string machine{};                       ///< processor, their number, memory, kernel
  std::string compiler{};                      ///< and whether it optimized
  std::map<std::string, std::string> redis{};  ///< what `ferry doctor` finds
  std::optional<double> load{};  ///< average of the last minute; above 0.5 others use the machine

  /// Returns: a Markdown list, with a warning where the figures cannot be trusted.
  std::string to_text() const;
};

Surroundings look_around(const RedisOptions& redis);

}  // namespace ferry::bench
