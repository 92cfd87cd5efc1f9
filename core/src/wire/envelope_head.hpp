#pragma once

#include <cstddef>
#include <string_view>

#include "wire/envelope.hpp"

namespace ferry::wire {

/// Reads the head, byte for byte as `head` in library.lua does, so that both always count alike.
///
/// Returns: the offset of the body, 0 when this is no envelope of version 1.
std::size_t read_head(std::string_view bytes, Head& head, bool& has_death);

}  // namespace ferry::wire
