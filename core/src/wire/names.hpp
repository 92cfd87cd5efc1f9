#pragma once

#include <string_view>

namespace ferry::wire {

/// Returns: whether the text matches `[A-Za-z0-9_.-]{1,64}`: queues, kinds, prefixes, workers.
bool is_name(std::string_view text);

/// Errors: `invalid_argument` "<field> is "<text>": expected 1 to 64 of A-Z a-z 0-9 _ . -".
void require_name(std::string_view field, std::string_view text);

}  // namespace ferry::wire
