#pragma once

#include <nlohmann/json.hpp>

#include "redis/connection.hpp"

namespace ferry::revisions {

/// Puts back what the programs of a revision left in Redis: keys, entries with their ids, who holds
/// them, how far the group has read. Workers are as dead as they were, and delayed jobs are due as
/// long from now as they were then.
///
/// Errors: what a connection throws.
void put_back(const nlohmann::json& keys, redis::Connection& connection);

}  // namespace ferry::revisions
