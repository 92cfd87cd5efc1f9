#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/operation.hpp"
#include "model/real_queue.hpp"
#include "redis/connection.hpp"

namespace ferry::model {

/// What the twin does.
std::vector<Effect> expected_effects(const std::vector<Operation>& operations);

/// Where the library did something else than the twin.
struct Difference {
  std::size_t at = 0;  ///< index of the operation
  std::string text;
};

/// Performs the operations on an empty queue and compares each effect with the twin's. Everything
/// in the server is removed before.
///
/// Returns: the first difference.
std::optional<Difference> compare(redis::Connection& connection,
                                  const std::vector<Operation>& operations,
                                  const std::vector<Effect>& expected);
std::optional<Difference> compare(redis::Connection& connection,
                                  const std::vector<Operation>& operations);

/// Leaves out what the difference does not need.
std::vector<Operation> shrink(redis::Connection& connection, std::vector<Operation> operations);

/// The shortest sequence found that shows a difference, and the difference, for a message.
std::string explain(redis::Connection& connection, const std::vector<Operation>& operations);

}  // namespace ferry::model
