#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ferry::report {

/// Returns: the text with `& < > " '` as entities, and what is neither printable nor UTF-8 as `?`,
/// so that no text can become markup.
std::string escaped(std::string_view text);

/// Returns: JSON text for inside of a script element: nothing in it can end the element.
std::string for_script(std::string_view json);

/// Returns: base64 with padding, for `data:` addresses.
///
/// Source: RFC 4648, section 4.
std::string base64(std::string_view bytes);

struct TableRow {
  std::vector<std::string> cells;  ///< text, not yet escaped
  bool is_rate = false;            ///< a heading of the rows that follow
};

/// Returns: a table that scrolls by itself when it is wider than the page. `words` names the
/// columns that hold words rather than figures.
std::string table(const std::vector<std::string>& titles, const std::vector<TableRow>& rows,
                  const std::vector<std::size_t>& words = {});

}  // namespace ferry::report
