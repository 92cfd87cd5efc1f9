#pragma once

#include "cli/commands.hpp"

namespace ferry::cli {

/// Adds the verb `forget` to the noun `queue`.
void add_queue_forget(CLI::App& noun, Command& chosen);

}  // namespace ferry::cli
