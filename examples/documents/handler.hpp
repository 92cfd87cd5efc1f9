#pragma once

#include <filesystem>

#include "ferry/handlers.hpp"
#include "ferry/policy.hpp"

/// The one handler of this example, whatever the policy: a batch is one transaction. Under
/// `realtime` a batch holds one job, so every job pays for a commit of its own.
ferry::Handlers index_handlers(const ferry::Policy& policy, const std::filesystem::path& database);
