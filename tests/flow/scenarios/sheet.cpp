#include "flow/scenarios/sheet.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace ferry::flow {
namespace {

std::string shown(double value) {
  char text[40];
  const double size = std::abs(value);
  if (value == std::floor(value) && size < 1e7) {
    std::snprintf(text, sizeof text, "%.0f", value);
  } else {
    std::snprintf(text, sizeof text, size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : "%.3g", value);
  }
  return text;
}

struct Line {
  Row row;
  std::vector<double> measured;
  std::vector<bool> kept;
};

/// The rows of all repetitions, those of the same figure together, in the order in which they came.
std::vector<Line> lines_of(const std::vector<Row>& rows) {
  std::vector<Line> lines;
  for (const Row& row : rows) {
    const auto same = [&](const Line& line) {
      return line.row.scenario == row.scenario && line.row.cell == row.cell &&
             line.row.measure == row.measure;
    };
    auto at = std::ranges::find_if(lines, same);
    if (at == lines.end()) at = lines.insert(lines.end(), Line{row, {}, {}});
    at->measured.push_back(row.measured);
    if (row.kept) at->kept.push_back(*row.kept);
  }
  return lines;
}

double middle(std::vector<double> values) {
  std::ranges::sort(values);
  return values[(values.size() - 1) / 2];
}

std::string verdict_of(const Line& line) {
  if (line.kept.empty()) return {};
  const auto kept = static_cast<std::size_t>(std::ranges::count(line.kept, true));
  if (kept == line.kept.size()) return "yes";
  const std::string often = line.kept.size() == 1 ? ""
                                                  : " (" + std::to_string(kept) + " of " +
                                                        std::to_string(line.kept.size()) + ")";
  return (line.row.must ? "BROKEN" : "no") + often;
}

std::string measured_of(const Line& line) {
  std::string text = shown(middle(line.measured));
  if (line.measured.size() > 1) {
    const auto [least, most] = std::ranges::minmax(line.measured);
    text += " [" + shown(least) + ".." + shown(most) + "]";
  }
  return line.row.unit.empty() ? text : text + " " + line.row.unit;
}

}  // namespace

void Sheet::begin(const std::string& scenario, const std::string& cell) {
  scenario_ = scenario;
  cell_ = cell;
  if (on_begin) on_begin(scenario, cell);
}

void Sheet::add(Row row) {
  row.scenario = scenario_;
  row.cell = cell_;
  rows_.push_back(std::move(row));
}

void Sheet::figure(const std::string& measure, double measured, const std::string& unit) {
  add({{}, {}, measure, {}, measured, unit, std::nullopt, false});
}

void Sheet::at_most(const std::string& measure, double measured, double most,
                    const std::string& unit) {
  add({{}, {}, measure, "<= " + shown(most), measured, unit, measured <= most, false});
}

void Sheet::at_least(const std::string& measure, double measured, double least,
                     const std::string& unit) {
  add({{}, {}, measure, ">= " + shown(least), measured, unit, measured >= least, false});
}

void Sheet::must(const std::string& sentence, std::int64_t count) {
  add({{}, {}, sentence, "0", static_cast<double>(count), "times not", count == 0, true});
}

void Sheet::note(const std::string& text) {
  notes_.push_back(scenario_ + ", " + cell_ + ": " + text);
}

std::string table_of(const std::vector<Row>& rows) {
  std::vector<std::array<std::string, 5>> table{{"cell", "measure", "asked", "measured", "kept"}};
  std::array<std::size_t, 5> widths{};
  std::string scenario;
  for (const Line& line : lines_of(rows)) {
    if (line.row.scenario != scenario) {
      scenario = line.row.scenario;
      table.push_back({scenario, "", "", "", ""});
    }
    table.push_back({"  " + line.row.cell, line.row.measure, line.row.asked, measured_of(line),
                     verdict_of(line)});
  }
  for (const auto& cells : table) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
  }
  std::string text;
  for (const auto& cells : table) {
    std::string row;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      row += cells[i] + std::string(widths[i] + 2 - cells[i].size(), ' ');
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

nlohmann::ordered_json json_of(const Sheet& sheet) {
  nlohmann::ordered_json json;
  json["notes"] = sheet.notes();
  json["rows"] = nlohmann::ordered_json::array();
  for (const Row& row : sheet.rows()) {
    nlohmann::ordered_json one{{"scenario", row.scenario}, {"cell", row.cell},
                               {"measure", row.measure},   {"asked", row.asked},
                               {"measured", row.measured}, {"unit", row.unit}};
    if (row.kept) one["kept"] = *row.kept;
    if (row.must) one["must"] = true;
    json["rows"].push_back(std::move(one));
  }
  return json;
}

bool all_must_hold(const std::vector<Row>& rows) {
  return std::ranges::all_of(rows, [](const Row& row) { return !row.must || row.kept == true; });
}

}  // namespace ferry::flow
