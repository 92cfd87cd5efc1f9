#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "cli/parts/table.hpp"
#include "ferry/error.hpp"

namespace ferry::cli {

/// What the program returns; `ferry --help` explains them, scripts rely on them.
enum Exit : int {
  exit_ok = 0,
  exit_found_wrong = 1,
  exit_usage = 2,
  exit_unreachable = 3,
  exit_refused = 4,
  exit_busy = 5,
};

Exit exit_of(ErrorCode code);

/// Ends a command: a line for people and the program's exit code.
class Failure : public std::runtime_error {
 public:
  Failure(Exit code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Exit code() const { return code_; }

 private:
  Exit code_;
};

/// Where results, complaints and progress go: results to standard output, all else to standard
/// error, one line each.
///
/// Threads: one thread at a time.
class Output {
 public:
  Output(bool json, bool colour);

  bool is_json() const { return json_; }
  /// Whether standard output shows colours.
  bool colour() const { return out_colour_; }
  /// Whether standard output is a terminal.
  bool on_terminal() const { return out_terminal_; }

  void print(const Table& table, bool with_titles = true);
  void print(const nlohmann::json& value);
  /// Text from elsewhere is made printable here, so no caller can forget.
  void line(std::string_view text);
  /// Writes as it is and flushes.
  void raw(std::string_view text);

  std::string styled(std::string text, Style style) const;

  void warning(const std::string& message);
  /// `details` are members of the JSON form beside "message".
  void error(const std::string& message, nlohmann::json details = nlohmann::json::object());

  /// Redraws one line on standard error, at most ten times a second; nothing unless that is a
  /// terminal and output is for people.
  void progress(const std::string& text);
  void end_progress();

  /// Asks before jobs are removed for good.
  ///
  /// Errors: `Failure` when the answer is no, or when nobody can be asked and `yes` is not set.
  void confirm(const std::string& question, bool yes);

 private:
  void complain(std::string_view label, Style style, const std::string& message,
                nlohmann::json value);

  bool json_;
  bool out_terminal_;
  bool error_terminal_;
  bool out_colour_;
  bool error_colour_;
  bool progress_shown_ = false;
  std::chrono::steady_clock::time_point next_progress_;
};

}  // namespace ferry::cli
