#pragma once

#include <cstdint>
#include <span>

/// Returns: the CRC-32C of the bytes, one table look-up for each.
///
/// Source: RFC 3720, section 12.1; the test value is in its appendix B.4.
std::uint32_t crc32c(std::span<const std::uint8_t> bytes);
