#include "cli/output.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "cli/parts/text.hpp"

namespace ferry::cli {
namespace {

using nlohmann::json;

constexpr auto progress_interval = std::chrono::milliseconds{100};

/// Source: https://no-color.org: any value but the empty one counts.
bool colour_wanted() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return (no_color == nullptr || *no_color == '\0') && !dumb;
}

std::string dumped(const json& value, int indent) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

void write(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

}  // namespace

Exit exit_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::oversized:
      return exit_usage;
    case ErrorCode::unavailable:
    case ErrorCode::outcome_unknown:
    case ErrorCode::unconfirmed:
      return exit_unreachable;
    case ErrorCode::denied:
    case ErrorCode::unsupported:
    case ErrorCode::out_of_memory:
      return exit_refused;
    default:
      return exit_found_wrong;
  }
}

Output::Output(bool json, bool colour)
    : json_(json),
      out_terminal_(::isatty(STDOUT_FILENO) == 1),
      error_terminal_(::isatty(STDERR_FILENO) == 1),
      out_colour_(colour && colour_wanted() && out_terminal_),
      error_colour_(colour && colour_wanted() && error_terminal_) {}

void Output::print(const Table& table, bool with_titles) {
  raw(table.render(out_colour_, with_titles));
}

void Output::print(const json& value) { raw(dumped(value, out_terminal_ ? 2 : -1) + '\n'); }

void Output::line(std::string_view text) { raw(printable_lines(text, out_colour_) + '\n'); }

void Output::raw(std::string_view text) {
  end_progress();
  write(stdout, text);
  if (std::fflush(stdout) != 0) {
    throw Failure(exit_found_wrong, "standard output cannot be written; is the disk full?");
  }
}

std::string Output::styled(std::string text, Style style) const {
  return out_colour_ ? cli::styled(std::move(text), style) : text;
}

void Output::complain(std::string_view label, Style style, const std::string& message, json value) {
  end_progress();
  if (json_) {
    value["message"] = without_passwords(message);
    write(stderr, dumped({{label, value}}, -1) + '\n');
    return;
  }
  std::string shown = "ferry: ";
  if (label == "warning") {
    shown += error_colour_ ? cli::styled("warning", style) : std::string("warning");
    shown += ": ";
  } else if (error_colour_) {
    shown = cli::styled("ferry", style) + ": ";
  }
  write(stderr, shown + printable(without_passwords(message)) + '\n');
}

void Output::warning(const std::string& message) {
  complain("warning", Style::yellow, message, json::object());
}

void Output::error(const std::string& message, json details) {
  complain("error", Style::red, message, std::move(details));
}

void Output::progress(const std::string& text) {
  if (json_ || !error_terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_progress_) return;
  next_progress_ = now + progress_interval;
  progress_shown_ = true;
  write(stderr, "\r" + text + "\x1b[K");
}

void Output::end_progress() {
  if (!progress_shown_) return;
  progress_shown_ = false;
  write(stderr, "\r\x1b[K");
}

void Output::confirm(const std::string& question, bool yes) {
  if (yes) return;
  if (json_ || !error_terminal_ || ::isatty(STDIN_FILENO) != 1) {
    throw Failure(exit_usage, "this removes jobs for good and there is nobody to ask; add --yes");
  }
  write(stderr, "ferry: " + printable(question) + " [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "y" && answer != "Y" && answer != "yes") {
    throw Failure(exit_found_wrong, "nothing was changed");
  }
}

}  // namespace ferry::cli
