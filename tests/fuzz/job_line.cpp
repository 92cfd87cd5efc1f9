// NDJSON as `ferry enqueue` reads it: lines, and the job that each of them is.
//
// Property: lines are cut the same, however the reader's blocks fall, and none is longer than
// allowed. A line that is taken is a job that every later hand takes too: a name as its kind,
// options within bounds, a payload that a worker unpacks and that shows as the JSON it was made
// from. A line that is refused says why in one line and throws nothing.

#include "cli/parts/job_line.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <msgpack.hpp>
#include <nlohmann/json.hpp>

#include "cli/parts/line_reader.hpp"
#include "cli/parts/payload_view.hpp"
#include "ferry/batch.hpp"
#include "fuzz/property.hpp"
#include "wire/limits.hpp"
#include "wire/names.hpp"

namespace ferry::cli {
namespace {

using fuzz::require;
using nlohmann::json;

constexpr std::size_t longest_line = 1000;

void check_line(std::string_view line) {
  const auto parsed = parse_job_line(line);
  if (const auto* error = std::get_if<LineError>(&parsed)) {
    return fuzz::require_message(error->message);
  }
  const JobLine& job = std::get<JobLine>(parsed);
  require(wire::is_name(job.kind), "the kind is a name");
  require(job.payload.size() <= wire::max_payload_bytes, "the payload has a bound");
  job.options.validate();
  msgpack::zone zone;
  detail::unpack_payload(job.payload, zone);
  const auto shown = payload_as_json(job.payload);
  require(shown == json::parse(line).at("payload"), "the payload shows as it was written");
}

/// A file without a name; one for all calls.
int scratch_file() {
  static const int file = ::memfd_create("lines", MFD_CLOEXEC);
  require(file >= 0, "a file in memory");
  return file;
}

void check_lines(std::string_view input) {
  const int file = scratch_file();
  require(::ftruncate(file, 0) == 0 && ::lseek(file, 0, SEEK_SET) == 0, "the file is empty");
  require(::write(file, input.data(), input.size()) == static_cast<ssize_t>(input.size()),
          "the input is written");
  require(::lseek(file, 0, SEEK_SET) == 0, "the file is read from its begin");

  LineReader reader(file, longest_line);
  std::string line;
  while (!input.empty()) {
    const std::size_t newline = input.find('\n');
    std::string_view expected = input.substr(0, newline);
    input.remove_prefix(newline == std::string_view::npos ? input.size() : newline + 1);
    const auto result = reader.next(line);
    if (expected.size() > longest_line) {
      require(result == LineReader::Result::too_long, "a long line is passed over");
      continue;
    }
    if (expected.ends_with('\r')) expected.remove_suffix(1);
    require(result == LineReader::Result::line && line == expected, "lines come as they are");
    check_line(line);
  }
  require(reader.next(line) == LineReader::Result::end, "nothing follows");
}

}  // namespace
}  // namespace ferry::cli

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = ferry::fuzz::text_of(data, size);
  ferry::cli::check_line(input);
  ferry::cli::check_lines(input);
  return 0;
}
