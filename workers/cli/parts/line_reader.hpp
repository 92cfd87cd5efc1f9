#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace ferry::cli {

/// Reads lines from a file descriptor in bounded memory, however long a line or the file is.
class LineReader {
 public:
  enum class Result : std::uint8_t {
    line,
    too_long,  ///< the line was passed over to its end
    end,
    stopped,  ///< `wait` said so
  };

  /// `wait` is called before each read and returns false to stop. The descriptor stays the
  /// caller's.
  LineReader(int descriptor, std::size_t max_bytes, std::function<bool()> wait = {});

  /// Reads the next line into `line`, without its '\n' or "\r\n".
  ///
  /// Errors: `invalid_argument` when the file cannot be read.
  Result next(std::string& line);

  std::uint64_t line_number() const { return line_number_; }
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  enum class Fill : std::uint8_t { data, end, stopped };
  Fill fill();

  int descriptor_;
  std::size_t max_bytes_;
  std::function<bool()> wait_;
  std::string block_;
  std::size_t at_ = 0;
  std::uint64_t line_number_ = 0;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace ferry::cli
