#pragma once

#include <cstddef>
#include <string_view>

namespace ferry::wire {

/// What decoding an envelope would inflate, told from its frame headers alone.
///
/// Returns: bytes, at most `max_inflated_bytes`; that as well where a frame does not name its size.
/// 0 when nothing is compressed or the bytes cannot be decoded.
std::size_t promised_bytes(std::string_view envelope);

}  // namespace ferry::wire
