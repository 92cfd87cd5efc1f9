#include "ferry/client_options.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include "ferry/error.hpp"
#include "secrets/payload_keys.hpp"
#include "wire/limits.hpp"
#include "wire/names.hpp"

namespace ferry {
namespace {

[[noreturn]] void refuse(std::string_view field, const std::string& value,
                         std::string_view expected) {
  throw Error(ErrorCode::invalid_argument, "ClientOptions." + std::string(field) + " is " + value +
                                               ": expected " + std::string(expected));
}

template <typename T>
void require_range(std::string_view field, T value, T low, T high, std::string_view expected) {
  if (value < low || value > high) refuse(field, std::to_string(value), expected);
}

void validate_limits(const QueueLimits& limits) {
  constexpr std::int64_t most = INT64_C(1) << 53;  // the functions count in doubles
  constexpr std::string_view expected = "0 (no bound) to 2^53";
  require_range<std::int64_t>("limits.max_jobs", limits.max_jobs, 0, most, expected);
  require_range<std::int64_t>("limits.max_bytes", limits.max_bytes, 0, most, expected);
  require_range<std::int64_t>("limits.max_age", limits.max_age.count(), 0, most, expected);
}

}  // namespace

void ClientOptions::validate() const {
  redis.validate();
  wire::require_name("ClientOptions.queue", queue);
  validate_limits(limits);
  durability.validate();
  secrets::require_keys(payload_keys_file);
  if (when_full > WhenFull::shed_oldest) {
    refuse("when_full", std::to_string(static_cast<int>(when_full)), "a WhenFull enumerator");
  }
  require_range<std::int64_t>("block_timeout", block_timeout.count(), 0, 3'600'000,
                              "0 to 1 hour, in ms");
  require_range<std::int64_t>("linger", linger.count(), 0, 1'000'000, "0 to 1 second, in us");
  require_range<std::size_t>("max_jobs_per_envelope", max_jobs_per_envelope, 1,
                             wire::max_jobs_in_envelope, "1 to 1000");
  require_range<std::size_t>("max_bytes_per_envelope", max_bytes_per_envelope, 1024, 1024 * 1024,
                             "1024 (1 KiB) to 1048576 (1 MiB)");
  require_range<std::size_t>("buffer_jobs", buffer_jobs, 1, 10'000'000, "1 to 10000000");
  require_range<std::size_t>("buffer_bytes", buffer_bytes, 64 * 1024, std::size_t{4} << 30,
                             "65536 (64 KiB) to 4294967296 (4 GiB)");
}

}  // namespace ferry
