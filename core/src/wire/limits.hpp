#pragma once

#include <cstddef>
#include <cstdint>

namespace ferry::wire {

// Everything that comes from outside has a bound. Here are those of what is stored; the others
// stand where they are checked:
//
//   URL                       8 KiB                          core/src/redis/url.hpp
//   elements in one reply     1 Mi, promised or sent         core/src/redis/reply_reader.cpp
//   text quoted in a message  128 bytes, one line            core/src/one_line.hpp
//   buffer of a client        10 M jobs, 4 GiB at most       core/include/ferry/client_options.hpp
//   call of `enqueue`         256 envelopes, 256 KiB         core/src/client/cargo.hpp
//   page of jobs              1000                           core/include/ferry/queue.hpp
//   jobs and bytes in flight  40,000 and 64 MiB by default   workers/include/ferry/worker.hpp
//   queues of a worker        256                            workers/include/ferry/worker.hpp
//   inflated, held at once    as bytes in flight             workers/src/stages/inflated_memory.hpp
//   elements of a payload     as many as it has bytes        workers/src/unpack_payload.cpp
//   NDJSON line               32 MiB                         workers/cli/parts/job_line.hpp
//   password file             2 KiB                          core/src/secrets/password.cpp
//   key file                  64 keys, 64 KiB                core/src/secrets/payload_keys.cpp
//   policies compared         64                             workers/src/compare/options.cpp

/// What is accepted from a producer and from Redis. The functions check the job count themselves.
inline constexpr std::size_t max_jobs_in_envelope = 1000;
inline constexpr std::size_t max_payload_bytes = 8 * 1024 * 1024;
/// An envelope as stored, and what a compressed one may grow to.
inline constexpr std::size_t max_envelope_bytes = 16 * 1024 * 1024;
inline constexpr std::size_t max_inflated_bytes = 64 * 1024 * 1024;
inline constexpr std::size_t max_name_bytes = 64;
inline constexpr std::size_t max_key_id_bytes = 32;
inline constexpr std::size_t max_batch_key_bytes = 128;
inline constexpr std::size_t max_headers = 32;
inline constexpr std::size_t max_header_bytes = 8 * 1024;
inline constexpr std::size_t max_reason_bytes = 1024;
inline constexpr std::size_t traceparent_bytes = 55;
/// What a producer may ask for, and what a counter of runs or deliveries may have reached.
inline constexpr int max_attempts_bound = 1000;
inline constexpr int max_count_of_runs = 1'000'000;
/// An hour.
inline constexpr int max_latency_budget_ms = 3'600'000;
/// 2200-01-01. Later times overflow the nanoseconds of a system_clock.
inline constexpr std::uint64_t max_time_ms = 7'258'118'400'000;
/// Nesting inside a payload.
inline constexpr std::size_t max_payload_depth = 64;

}  // namespace ferry::wire
