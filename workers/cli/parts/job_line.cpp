#include "cli/parts/job_line.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cli/parts/numbers.hpp"
#include "cli/parts/text.hpp"
#include "cli/parts/units.hpp"
#include "ferry/error.hpp"
#include "wire/limits.hpp"
#include "wire/names.hpp"

namespace ferry::cli {
namespace {

using nlohmann::json;

constexpr std::string_view known_fields =
    "kind, payload, priority, run_after, expires_after, max_attempts, batch_key, headers, "
    "traceparent, latency_budget";

/// Thrown and caught in this file only.
struct Refusal {
  LineError error;
};

[[noreturn]] void refuse(const std::string& field, const std::string& what) {
  throw Refusal{{field, field + ' ' + what}};
}

std::string in_quotes(std::string_view text) { return '"' + clipped(printable(text), 60) + '"'; }

const std::string& text_of(const std::string& field, const json& value) {
  if (!value.is_string()) refuse(field, std::string("is ") + value.type_name() + "; expected text");
  return value.get_ref<const std::string&>();
}

std::chrono::milliseconds duration_of(const std::string& field, const json& value) {
  const std::string& text = text_of(field, value);
  const auto duration = parse_duration(text);
  if (!duration) refuse(field, "is " + in_quotes(text) + "; " + std::string(duration_expected));
  return *duration;
}

int attempts_of(const json& value) {
  constexpr int most = 1000;
  if (!value.is_number_integer() || value < 1 || value > most) {
    refuse("max_attempts",
           "is " + in_quotes(value.is_primitive() ? value.dump(-1, ' ', true) : value.type_name()) +
               "; expected a whole number from 1 to 1000");
  }
  return value.get<int>();
}

std::map<std::string, std::string> headers_of(const json& value) {
  if (!value.is_object()) {
    refuse("headers", std::string("is ") + value.type_name() + "; expected an object of texts");
  }
  std::map<std::string, std::string> headers;
  for (const auto& [name, header] : value.items()) {
    if (!header.is_string()) {
      refuse("headers",
             "has " + in_quotes(name) + " with " + header.type_name() + "; expected text");
    }
    headers.emplace(name, header.get<std::string>());
  }
  return headers;
}

std::string packed(const json& value) {
  std::string bytes;
  json::to_msgpack(value, nlohmann::detail::output_adapter<char>(bytes));
  if (bytes.size() > wire::max_payload_bytes) {
    refuse("payload", "has " + format_bytes(static_cast<std::int64_t>(bytes.size())) +
                          "; at most " +
                          format_bytes(static_cast<std::int64_t>(wire::max_payload_bytes)) +
                          " are allowed, put the data elsewhere and its address here");
  }
  return bytes;
}

void read_field(const std::string& name, const json& value, JobLine& job) {
  if (name == "kind") {
    job.kind = text_of(name, value);
    if (!wire::is_name(job.kind)) {
      refuse(name, "is " + in_quotes(job.kind) + "; expected 1 to 64 of A-Z a-z 0-9 _ . -");
    }
  } else if (name == "payload") {
    job.payload = packed(value);
  } else if (name == "priority") {
    const auto priority = parse_priority(text_of(name, value));
    if (!priority) {
      refuse(name, "is " + in_quotes(text_of(name, value)) + "; expected high, normal or low");
    }
    job.options.priority = *priority;
  } else if (name == "run_after") {
    job.options.run_after = duration_of(name, value);
  } else if (name == "expires_after") {
    job.options.expires_after = duration_of(name, value);
  } else if (name == "latency_budget") {
    job.options.latency_budget = duration_of(name, value);
  } else if (name == "max_attempts") {
    job.options.max_attempts = attempts_of(value);
  } else if (name == "batch_key") {
    job.options.batch_key = text_of(name, value);
  } else if (name == "traceparent") {
    job.options.traceparent = text_of(name, value);
  } else if (name == "headers") {
    job.options.headers = headers_of(value);
  } else {
    throw Refusal{
        {std::string(clipped(printable(name), 60)),
         "field " + in_quotes(name) + " is not known; expected " + std::string(known_fields)}};
  }
}

/// The deepest nesting of brackets outside strings. Asked before parsing, because packing and
/// freeing a tree go as deep into the stack as the tree is.
std::size_t nesting_of(std::string_view line) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

json parsed(std::string_view line) {
  if (nesting_of(line) > wire::max_payload_depth + 1) {
    refuse("payload", "is nested deeper than " + std::to_string(wire::max_payload_depth));
  }
  if (const std::string_view number = inexact_integer(line); !number.empty()) {
    throw Refusal{{"", "the whole number " + in_quotes(number) +
                           " would be stored as another one; expected at most 2^64 - 1 and at "
                           "least -2^63, or text"}};
  }
  try {
    return json::parse(line);
  } catch (const json::parse_error& error) {
    throw Refusal{{"", "not valid JSON at column " + std::to_string(error.byte) +
                           "; expected one object a line, as in {\"kind\": \"mail\", \"payload\": "
                           "{\"to\": \"a@example.org\"}}"}};
  } catch (const json::exception&) {  // a number out of every range
    throw Refusal{{"", "JSON with a number that is too large"}};
  }
}

JobLine read_line(std::string_view line) {
  const json object = parsed(line);
  if (!object.is_object()) {
    throw Refusal{{"", std::string("the line is ") + object.type_name() +
                           "; expected one object with kind and payload"}};
  }
  for (const char* field : {"kind", "payload"}) {
    if (!object.contains(field)) refuse(field, "is missing; every line needs kind and payload");
  }
  JobLine job;
  for (const auto& [name, value] : object.items()) read_field(name, value, job);
  return job;
}

/// The options' own check names the field as the first word of its message.
std::string leading_word(std::string_view message) {
  return std::string(message.substr(0, message.find_first_of(" :[")));
}

}  // namespace

std::variant<JobLine, LineError> parse_job_line(std::string_view line) {
  try {
    JobLine job = read_line(line);
    job.options.validate();
    return job;
  } catch (const Refusal& refusal) {
    return refusal.error;
  } catch (const Error& error) {
    return LineError{leading_word(error.what()), error.what()};
  }
}

}  // namespace ferry::cli
