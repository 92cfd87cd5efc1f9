#include "cli/parts/table.hpp"

#include <algorithm>

#include "cli/parts/text.hpp"

namespace ferry::cli {
namespace {

constexpr std::string_view gap = "  ";

const char* escape_of(Style style) {
  switch (style) {
    case Style::bold:
      return "\x1b[1m";
    case Style::dim:
      return "\x1b[2m";
    case Style::red:
      return "\x1b[31m";
    case Style::green:
      return "\x1b[32m";
    case Style::yellow:
      return "\x1b[33m";
    case Style::plain:
      break;
  }
  return "";
}

std::string line_of(const std::vector<Cell>& cells, const std::vector<Table::Column>& columns,
                    const std::vector<std::size_t>& widths, bool colour) {
  std::string line;
  std::size_t blanks = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) blanks += gap.size();
    const std::size_t missing = widths[i] - std::min(widths[i], display_width(cells[i].text));
    if (columns[i].align == Align::right) blanks += missing;
    if (!cells[i].text.empty()) {
      line.append(blanks, ' ');
      line += colour ? styled(cells[i].text, cells[i].style) : cells[i].text;
      blanks = 0;
    }
    if (columns[i].align == Align::left) blanks += missing;
  }
  return line + '\n';
}

}  // namespace

std::string styled(std::string text, Style style) {
  if (style == Style::plain || text.empty()) return text;
  return escape_of(style) + std::move(text) + "\x1b[0m";
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add(std::vector<Cell> cells) {
  cells.resize(columns_.size(), Cell{""});
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i].text = printable(cells[i].text);
    if (columns_[i].max_width > 0) cells[i].text = clipped(cells[i].text, columns_[i].max_width);
  }
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = std::max(columns_[i].min_width, display_width(columns_[i].title));
    for (const auto& row : rows_) width = std::max(width, display_width(row[i].text));
    widths.push_back(width);
  }
  return widths;
}

std::string Table::render(bool colour, bool with_titles) const {
  with_titles = with_titles && std::any_of(columns_.begin(), columns_.end(),
                                           [](const Column& c) { return !c.title.empty(); });
  const std::vector<std::size_t> column_widths = widths();
  std::string text;
  if (with_titles) {
    std::vector<Cell> titles;
    for (const Column& column : columns_) titles.emplace_back(column.title, Style::bold);
    text += line_of(titles, columns_, column_widths, colour);
  }
  for (const auto& row : rows_) text += line_of(row, columns_, column_widths, colour);
  return text;
}

}  // namespace ferry::cli
