// What people and scripts write to set Ferry up: policies, durations, sizes, names, ids, headers,
// and the command line of a comparison.
//
// Property: what is read is within its bounds, and what can be written back is read as the same
// value. What is refused is an Error `invalid_argument` with a message of one line, or nothing.
// Text made safe for a terminal stays as it is when made safe again, and fits its column.

#include <vector>

#include "cli/parts/text.hpp"
#include "cli/parts/units.hpp"
#include "compare/options.hpp"
#include "ferry/client_options.hpp"
#include "ferry/error.hpp"
#include "ferry/job.hpp"
#include "ferry/policy.hpp"
#include "fuzz/property.hpp"
#include "wire/names.hpp"

namespace ferry {
namespace {

using fuzz::require;

/// Returns: whether it was taken.
template <typename Call>
bool taken(Call call) {
  try {
    call();
    return true;
  } catch (const Error& error) {
    require(error.code() == ErrorCode::invalid_argument || error.code() == ErrorCode::unsupported,
            "what is refused is the caller's fault");
    fuzz::require_message(error.what());
    return false;
  }
}

void check_policy(std::string_view text) {
  taken([&] {
    const Policy policy = Policy::parse(text);
    policy.validate();
    const Policy again = Policy::parse(policy.to_string());
    require(again.kind == policy.kind && again.max_jobs == policy.max_jobs &&
                again.max_bytes == policy.max_bytes && again.linger == policy.linger,
            "a policy is read as it was written");
  });
}

void check_units(std::string_view text) {
  using std::chrono::milliseconds;
  if (const auto duration = cli::parse_duration(text)) {
    require(*duration >= milliseconds{0} && *duration <= std::chrono::years{101},
            "a duration has bounds");
    require(cli::parse_duration(std::to_string(duration->count()) + "ms") == duration,
            "a duration is read as it was written");
    cli::format_duration(*duration);
  }
  if (const auto bytes = cli::parse_bytes(text)) {
    require(*bytes >= 0 && *bytes <= std::int64_t{1} << 60, "a size has bounds");
    cli::format_bytes(*bytes);
  }
}

void check_names_and_ids(std::string_view text) {
  require(taken([&] { wire::require_name("queue", text); }) == wire::is_name(text),
          "names are refused alike");
  if (const auto id = JobId::parse(text)) {
    require(JobId::parse(id->to_string()) == id, "an id is read as it was written");
  }
  if (const auto priority = parse_priority(text)) {
    require(to_string(*priority) == text, "a priority is read as it was written");
  }
}

void check_options(std::string_view text) {
  EnqueueOptions options;
  options.queue = text;
  taken([&] { options.validate(); });
  options = {};
  options.traceparent = text;
  options.batch_key = text.substr(0, text.size() / 2);
  options.headers[options.batch_key] = text.substr(text.size() / 2);
  taken([&] { options.validate(); });
  ClientOptions client;
  client.queue = text;
  client.redis.prefix = text;
  client.redis.url = text;
  taken([&] { client.validate(); });
}

/// One argument a line.
void check_command_line(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < 64) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  std::vector<const char*> arguments;
  arguments.reserve(lines.size());
  for (const std::string& line : lines) arguments.push_back(line.c_str());
  Experiment experiment;
  experiment.name = "sample";
  experiment.settings = {{"folder", "/usr/include", "where to look"}};
  taken([&] {
    const compare::Options options = compare::parse_options(arguments, experiment);
    for (const Policy& policy : options.policies) policy.validate();
    require(options.repetitions >= 1 && options.repetitions <= 1000, "repetitions have bounds");
    require(options.settings.size() == 1, "no setting is made up");
  });
}

void check_shown_text(std::string_view text) {
  const std::string safe = cli::printable(text);
  if (!safe.empty()) {
    for (const char c : safe) {
      require(static_cast<unsigned char>(c) >= 0x20, "printable text has no control characters");
    }
  }
  require(cli::printable(safe) == safe, "printable text stays as it is");
  for (const std::size_t width : {std::size_t{1}, std::size_t{10}}) {
    require(cli::display_width(cli::clipped(safe, width)) <= width, "clipped text fits");
  }
  const std::string hidden = cli::without_passwords(text);
  require(cli::without_passwords(hidden) == hidden, "hiding twice hides no more");
  cli::hex_dump(text, 256);
}

}  // namespace
}  // namespace ferry

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ferry::fuzz::text_of(data, size);
  ferry::check_policy(text);
  ferry::check_units(text);
  ferry::check_names_and_ids(text);
  ferry::check_options(text);
  ferry::check_command_line(text);
  ferry::check_shown_text(text);
  return 0;
}
