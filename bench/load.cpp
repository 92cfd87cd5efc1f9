#include "load.hpp"

#include <algorithm>

#include "client/cargo.hpp"
#include "records.hpp"

namespace ferry::bench {

// The producer's own rule decides, not a copy of it.
std::size_t jobs_that_fit(const Load& load) {
  detail::Cargo cargo({.max_jobs_per_envelope = load.jobs_per_envelope,
                       .max_bytes_per_envelope = load.max_bytes_per_envelope,
                       .max_envelopes = 2,
                       .max_bytes = 4 * load.max_bytes_per_envelope});
  wire::JobIdSource ids;
  const std::string payload(load.payload_bytes, 'x');
  std::size_t jobs = 0;
  for (; jobs <= load.jobs_per_envelope && cargo.takes({}, Blob::kind, payload.size()); ++jobs) {
    cargo.add({}, Blob::kind, payload, 1'700'000'000'000'000 + jobs, nullptr, ids);
  }
  cargo.seal();
  return cargo.slice().front().jobs;
}

std::vector<Blob> blobs_of(const Load& load, std::size_t count) {
  constexpr std::size_t most_bytes = 64 * 1024 * 1024;
  count = std::clamp<std::size_t>(most_bytes / load.payload_bytes, 1, count);
  if (load.text) return records(count);
  return std::vector<Blob>(count, blob_of(load.payload_bytes));
}

}  // namespace ferry::bench
