#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wire/envelope.hpp"

namespace ferry::wire::samples {

inline constexpr std::uint64_t noon_us = 1'793'000'000'000'000;
inline constexpr std::string_view traceparent =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

inline JobId id(std::string_view text) { return JobId::parse(text).value(); }
inline JobId first_id() { return id("01a17687-5c00-7a3d-8e4f-0123456789ab"); }

inline Extras all_extras() {
  return {.expires_at_ms = 1'793'000'060'000,
          .attempts = 2,
          .max_attempts = 7,
          .traceparent = traceparent,
          .batch_key = "tenant-17",
          .last_reason = "busy",
          .headers = {{"region", "eu"}, {"tenant", "17"}},
          .latency_budget_ms = 50};
}

inline std::string payload_of(std::size_t i) { return "payload " + std::to_string(i); }

/// `count` jobs of two kinds, every third with all extras.
inline std::string envelope(std::size_t count, std::size_t compress_from_bytes = 0) {
  const Extras extras = all_extras();
  EnvelopeWriter writer(first_id());
  for (std::size_t i = 0; i < count; ++i) {
    writer.add(i % 5 == 4 ? "send_mail" : "index_file", payload_of(i), noon_us + 10 * i,
               i % 3 == 2 ? &extras : nullptr);
  }
  return writer.finish(compress_from_bytes);
}

inline std::string big_endian_32(std::size_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

/// A head with a body of the caller's choice: what no writer of ours would make.
inline std::string envelope_with(std::uint8_t flags, std::size_t count, std::string_view body) {
  std::string bytes = "\x95\x01";
  bytes.push_back(static_cast<char>(flags));
  bytes.push_back('\xcd');
  bytes.push_back(static_cast<char>(count >> 8));
  bytes.push_back(static_cast<char>(count));
  bytes.append("\xc4\x10").append(16, '\x07');
  bytes.append("\xc6").append(big_endian_32(body.size())).append(body);
  return bytes;
}

/// What `promote` in due.lua makes of several envelopes.
inline std::string bundle(const std::vector<std::string>& parts, std::size_t count,
                          std::uint8_t flags = flag_bundle) {
  std::string body = "\xdd" + big_endian_32(parts.size());
  for (const std::string& part : parts) body += "\xc6" + big_endian_32(part.size()) + part;
  return envelope_with(flags, count, body);
}

}  // namespace ferry::wire::samples
