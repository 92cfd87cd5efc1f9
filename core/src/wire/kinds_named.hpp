#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ferry::wire {

/// Reads as much as can be read of the kind tables of an envelope that cannot be decoded, of its
/// parts and of what an opaque one wraps. For people to look at, never to decide by.
///
/// Returns: each kind once, at most 16.
std::vector<std::string> kinds_named(std::string_view envelope);

}  // namespace ferry::wire
