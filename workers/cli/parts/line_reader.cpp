#include "cli/parts/line_reader.hpp"

#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "ferry/error.hpp"

namespace ferry::cli {
namespace {
constexpr std::size_t block_bytes = 64 * 1024;
}

LineReader::LineReader(int descriptor, std::size_t max_bytes, std::function<bool()> wait)
    : descriptor_(descriptor), max_bytes_(max_bytes), wait_(std::move(wait)) {}

LineReader::Fill LineReader::fill() {
  for (;;) {
    if (wait_ && !wait_()) return Fill::stopped;
    block_.resize(block_bytes);
    const ssize_t got = ::read(descriptor_, block_.data(), block_.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const std::error_code error(errno, std::generic_category());
      throw Error(ErrorCode::invalid_argument, "cannot read the jobs: " + error.message());
    }
    block_.resize(static_cast<std::size_t>(got));
    at_ = 0;
    bytes_read_ += static_cast<std::uint64_t>(got);
    return got == 0 ? Fill::end : Fill::data;
  }
}

LineReader::Result LineReader::next(std::string& line) {
  line.clear();
  bool too_long = false;
  bool begun = false;
  for (;;) {
    if (at_ == block_.size()) {
      const Fill filled = fill();
      if (filled == Fill::stopped) return Result::stopped;
      if (filled == Fill::end) {
        if (!begun) return Result::end;
        break;
      }
    }
    begun = true;
    const std::string_view rest = std::string_view(block_).substr(at_);
    const std::size_t newline = rest.find('\n');
    const std::string_view part = rest.substr(0, newline);
    too_long = too_long || line.size() + part.size() > max_bytes_;
    if (!too_long) line += part;
    at_ += newline == std::string_view::npos ? rest.size() : newline + 1;
    if (newline != std::string_view::npos) break;
  }
  ++line_number_;
  if (too_long) return Result::too_long;
  if (line.ends_with('\r')) line.pop_back();
  return Result::line;
}

}  // namespace ferry::cli
