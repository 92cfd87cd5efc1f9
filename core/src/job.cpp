#include "ferry/job.hpp"

#include "ferry/error.hpp"
#include "ranges.hpp"
#include "wire/limits.hpp"
#include "wire/names.hpp"

namespace ferry {
namespace {

constexpr std::string_view priority_names[priority_count] = {"high", "normal", "low"};

constexpr bool is_hyphen_place(std::size_t at) {
  return at == 8 || at == 13 || at == 18 || at == 23;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::invalid_argument, message);
}

void require_delay(std::string_view field, std::chrono::milliseconds delay) {
  require_between(field, delay, std::chrono::milliseconds{0}, longest_delay,
                  "0 to 366 days (" + std::to_string(longest_delay.count()) + " ms)");
}

/// `<version>-<32 hex>-<16 hex>-<2 hex>` in lower case; version ff and ids of zeros only are
/// forbidden.
///
/// Source: https://www.w3.org/TR/trace-context/#versioning-of-traceparent and the section before
bool is_traceparent(std::string_view text) {
  if (text.size() != wire::traceparent_bytes) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool hyphen = i == 2 || i == 35 || i == 52;
    const bool is_upper = text[i] >= 'A' && text[i] <= 'F';
    if (hyphen ? text[i] != '-' : (hex_digit(text[i]) < 0 || is_upper)) return false;
  }
  const auto only_zeros = [](std::string_view id) {
    return id.find_first_not_of('0') == std::string_view::npos;
  };
  return !text.starts_with("ff") && !only_zeros(text.substr(3, 32)) &&
         !only_zeros(text.substr(36, 16));
}

void require_headers(const std::map<std::string, std::string>& headers) {
  if (headers.size() > wire::max_headers) {
    refuse("headers has " + std::to_string(headers.size()) + " entries: expected at most " +
           std::to_string(wire::max_headers));
  }
  std::size_t bytes = 0;
  for (const auto& [name, value] : headers) bytes += name.size() + value.size();
  if (bytes > wire::max_header_bytes) {
    refuse("headers has " + std::to_string(bytes) + " bytes in all: expected at most " +
           std::to_string(wire::max_header_bytes));
  }
}

}  // namespace

std::string JobId::to_string() const {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (const std::uint8_t byte : bytes) {
    if (is_hyphen_place(text.size())) text.push_back('-');
    text.push_back(digits[byte >> 4]);
    text.push_back(digits[byte & 15]);
  }
  return text;
}

std::optional<JobId> JobId::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  JobId id;
  std::size_t at = 0;
  for (std::uint8_t& byte : id.bytes) {
    if (is_hyphen_place(at) && text[at++] != '-') return std::nullopt;
    const int high = hex_digit(text[at++]);
    const int low = hex_digit(text[at++]);
    if (high < 0 || low < 0) return std::nullopt;
    byte = static_cast<std::uint8_t>(high << 4 | low);
  }
  return id;
}

std::string_view to_string(Priority priority) {
  return priority_names[static_cast<std::size_t>(priority)];
}

std::optional<Priority> parse_priority(std::string_view text) {
  for (std::size_t i = 0; i < priority_count; ++i) {
    if (priority_names[i] == text) return static_cast<Priority>(i);
  }
  return std::nullopt;
}

void EnqueueOptions::validate() const {
  if (!queue.empty()) wire::require_name("queue", queue);
  require_enumerator("priority", priority, Priority::low, "high (0), normal (1) or low (2)");
  require_delay("run_after", run_after);
  require_delay("expires_after", expires_after);
  require(expires_after.count() == 0 || expires_after > run_after, "expires_after",
          std::to_string(expires_after.count()) + " ms",
          "more than run_after (" + std::to_string(run_after.count()) +
              " ms), or the job could never run");
  require_between("max_attempts", max_attempts, 0, wire::max_attempts_bound,
                  "0 (the worker's default) or 1 to 1000");
  if (!traceparent.empty() && !is_traceparent(traceparent)) {
    refuse(
        "traceparent has " + std::to_string(traceparent.size()) +
        " characters: expected none or 55, as in 00-<32 hex>-<16 hex>-<2 hex> in lower case, with "
        "ids that are not all zeros and not version ff");
  }
  if (batch_key.size() > wire::max_batch_key_bytes) {
    refuse("batch_key has " + std::to_string(batch_key.size()) + " bytes: expected at most " +
           std::to_string(wire::max_batch_key_bytes));
  }
  require_headers(headers);
  require_between("latency_budget", latency_budget, std::chrono::milliseconds{0},
                  std::chrono::milliseconds{wire::max_latency_budget_ms},
                  "0 (that of the worker's policy) or 1 ms to 1 h");
}

}  // namespace ferry
