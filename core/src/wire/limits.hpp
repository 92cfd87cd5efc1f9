#pragma once

#include <cstddef>
#include <cstdint>

namespace ferry::wire {

/// What is accepted from a producer and from Redis. The functions check the job count themselves.
inline constexpr std::size_t max_jobs_in_envelope = 1000;
inline constexpr std::size_t max_payload_bytes = 8 * 1024 * 1024;
/// An envelope as stored, and what a compressed one may grow to.
inline constexpr std::size_t max_envelope_bytes = 16 * 1024 * 1024;
inline constexpr std::size_t max_inflated_bytes = 64 * 1024 * 1024;
inline constexpr std::size_t max_name_bytes = 64;
inline constexpr std::size_t max_batch_key_bytes = 128;
inline constexpr std::size_t max_headers = 32;
inline constexpr std::size_t max_header_bytes = 8 * 1024;
inline constexpr std::size_t max_reason_bytes = 1024;
inline constexpr std::size_t traceparent_bytes = 55;
/// What a producer may ask for, and what a counter of runs or deliveries may have reached.
inline constexpr int max_attempts_bound = 1000;
inline constexpr int max_count_of_runs = 1'000'000;
/// 2200-01-01. Later times overflow the nanoseconds of a system_clock.
inline constexpr std::uint64_t max_time_ms = 7'258'118'400'000;
/// Nesting inside a payload.
inline constexpr std::size_t max_payload_depth = 64;

}  // namespace ferry::wire
