#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace ferry::wire {

/// Inflates exactly one zstd frame into at most `most_bytes`, whatever the frame claims.
///
/// Returns: an empty string, else why not, as the end of a sentence about the frame.
std::string inflate(std::string_view frame, std::size_t most_bytes, std::unique_ptr<char[]>& buffer,
                    std::size_t& inflated_bytes);

/// Returns: one frame that names its content size, or nothing when that would not be smaller.
std::string deflate(std::string_view bytes);

}  // namespace ferry::wire
