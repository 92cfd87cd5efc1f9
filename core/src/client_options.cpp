#include "ferry/client_options.hpp"

#include "ranges.hpp"
#include "secrets/payload_keys.hpp"
#include "wire/limits.hpp"
#include "wire/names.hpp"

namespace ferry {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

void validate_limits(const QueueLimits& limits) {
  constexpr std::string_view expected = "0 (no bound) to 9007199254740991 (2^53 - 1)";
  require_between("ClientOptions.limits.max_jobs", limits.max_jobs, 0, largest_count, expected);
  require_between("ClientOptions.limits.max_bytes", limits.max_bytes, 0, largest_count, expected);
  require_between("ClientOptions.limits.max_age", limits.max_age, milliseconds{0}, longest_delay,
                  "0 (no bound) to 366 days");
}

}  // namespace

void ClientOptions::validate() const {
  redis.validate();
  wire::require_name("ClientOptions.queue", queue);
  validate_limits(limits);
  durability.validate();
  secrets::require_keys(payload_keys_file);
  require_enumerator("ClientOptions.when_full", when_full, WhenFull::shed_oldest,
                     "a WhenFull enumerator");
  require_between("ClientOptions.block_timeout", block_timeout, milliseconds{0},
                  std::chrono::hours{1}, "0 to 1 h");
  require_between("ClientOptions.linger", linger, microseconds{0}, std::chrono::seconds{1},
                  "0 to 1 s");
  require_between("ClientOptions.max_jobs_per_envelope", max_jobs_per_envelope, 1,
                  wire::max_jobs_in_envelope);
  require_between("ClientOptions.max_bytes_per_envelope", max_bytes_per_envelope, 1024, 1024 * 1024,
                  "1024 (1 KiB) to 1048576 (1 MiB)");
  require_between("ClientOptions.buffer_jobs", buffer_jobs, 1, 10'000'000);
  require_between("ClientOptions.buffer_bytes", buffer_bytes, 64 * 1024, std::size_t{4} << 30,
                  "65536 (64 KiB) to 4294967296 (4 GiB)");
  require_between("ClientOptions.compress_from_bytes", compress_from_bytes, 0,
                  wire::max_envelope_bytes, "0 (never) to 16777216 (16 MiB, the largest envelope)");
}

}  // namespace ferry
