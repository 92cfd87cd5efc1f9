#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ferry::cli {

enum class Style : std::uint8_t { plain, bold, dim, red, green, yellow };

/// Returns: the text between the escape codes of a style.
std::string styled(std::string text, Style style);

enum class Align : std::uint8_t { left, right };

struct Cell {
  Cell(std::string content, Style look = Style::plain) : text(std::move(content)), style(look) {}
  Cell(const char* content) : text(content) {}

  std::string text;
  Style style = Style::plain;
};

/// Aligned columns for people. Text from elsewhere is made printable here, so no caller can forget.
class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::left;
    /// Longer text is cut; 0 = never.
    std::size_t max_width = 0;
    /// So that tables printed one after the other line up.
    std::size_t min_width = 0;
  };

  explicit Table(std::vector<Column> columns);

  /// Missing cells are empty.
  void add(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }

  /// Returns: lines that end in '\n', without trailing blanks. The title line is left out when
  /// every title is empty; columns are as wide as their titles even then.
  std::string render(bool colour, bool with_titles = true) const;

 private:
  std::vector<std::size_t> widths() const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace ferry::cli
