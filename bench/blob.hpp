#pragma once

#include <cstddef>
#include <msgpack.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ferry::bench {

/// The job that the benchmarks carry.
struct Blob {
  static constexpr std::string_view kind = "blob";
  std::string body;
  MSGPACK_DEFINE_MAP(body)
};

/// Returns: a job whose packed form has exactly `payload_bytes` bytes.
/// Errors: `std::runtime_error` where no such string exists (around a step of msgpack's headers).
inline Blob blob_of(std::size_t payload_bytes) {
  Blob blob;
  for (std::size_t length = payload_bytes; length > 0; --length) {
    blob.body.assign(length, 'x');
    msgpack::sbuffer packed;
    msgpack::pack(packed, blob);
    if (packed.size() == payload_bytes) return blob;
  }
  throw std::runtime_error("no string packs to " + std::to_string(payload_bytes) +
                           " bytes; try one byte more");
}

}  // namespace ferry::bench
