#include "compare/table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ferry::compare {
namespace {

using Line = std::vector<std::string>;

std::string number(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

/// Three significant digits, thousands separated.
std::string short_number(double value) {
  if (value >= 100) return count_text(value);
  return number(value, value >= 10 ? 1 : value >= 1 ? 2 : 3);
}

Line line_of(const PolicyRow& row) {
  const Spread& pace = row.jobs_per_second;
  return {row.policy,
          count_text(pace.median) + " (" + count_text(pace.low) + "–" + count_text(pace.high) + ")",
          duration_text(row.p50.median),
          duration_text(row.p99.median),
          short_number(row.mean_batch.median),
          short_number(row.redis_commands.median),
          short_number(row.round_trips.median),
          short_number(row.producer_cpu.median),
          short_number(row.redis_cpu.median),
          short_number(row.worker_cpu.median)};
}

/// Columns on a terminal; the only multi-byte characters are dashes and µ, one column each.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::string count_text(double count) {
  const std::string digits = number(count, 0);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const bool first = text.empty() || text == "-";
    if (!first && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string duration_text(double microseconds) {
  if (microseconds < 999.5) return number(microseconds, 0) + " µs";
  const bool seconds = microseconds >= 999'500;
  const double value = microseconds / (seconds ? 1e6 : 1e3);
  return number(value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2) + (seconds ? " s" : " ms");
}

std::string aligned(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(line[i]));
    }
  }
  std::string text;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::size_t padding = widths[i] - width_of(line[i]);
      if (i == 0) {
        text.append(line[i]).append(padding, ' ');
      } else {
        text.append(padding + 2, ' ').append(line[i]);
      }
    }
    while (text.ends_with(' ')) text.pop_back();
    text += '\n';
  }
  return text;
}

std::string table_of(const std::vector<PolicyRow>& rows) {
  std::vector<Line> lines{
      {"", "jobs/s", "p50", "p99", "jobs per", "Redis cmds", "trips", "CPU µs", "CPU µs", "CPU µs"},
      {"policy", "median (range)", "latency", "latency", "batch", "per job", "per job", "producer",
       "Redis", "worker"}};
  for (const PolicyRow& row : rows) lines.push_back(line_of(row));
  return aligned(lines) +
         "Per job: commands that Redis executed, those inside its functions too; round trips of "
         "producer and worker; CPU time.\n";
}

}  // namespace ferry::compare
