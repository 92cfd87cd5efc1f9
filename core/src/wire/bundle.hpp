#pragma once

#include <string_view>
#include <vector>

namespace ferry::wire {

/// Reads where the parts of a bundle are, whether or not each of them can be decoded.
///
/// Returns: views into `bytes`; none for what is no bundle, is compressed as a whole (no version
/// of Ferry does that), or does not end with its last part.
std::vector<std::string_view> parts_of_bundle(std::string_view bytes);

}  // namespace ferry::wire
