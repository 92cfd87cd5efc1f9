#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "ferry/job.hpp"

namespace ferry::cli {

/// One line of NDJSON, ready to be enqueued.
struct JobLine {
  std::string kind;
  std::string payload;  ///< msgpack
  EnqueueOptions options;
};

/// Why a line is no job. The message names the field and says what was expected, but never quotes
/// the payload.
struct LineError {
  std::string field;  ///< empty when the line as a whole is wrong
  std::string message;
};

/// JSON text for the largest payload: a number of msgpack's takes at most about four times its
/// bytes as text.
inline constexpr std::size_t max_line_bytes = 32 * 1024 * 1024;

/// Reads `{"kind": …, "payload": …, …}`; unknown fields are refused, so that a misspelt one does
/// not change silently what a job means.
std::variant<JobLine, LineError> parse_job_line(std::string_view line);

}  // namespace ferry::cli
