#pragma once

#include <map>
#include <set>
#include <string>

namespace ferry::revisions {

/// Revision × role, and what was seen in each cell.
class Table {
 public:
  void add(int revision, const std::string& column, int calls, bool well);
  /// Returns: one line for each column of the matrix, one cell for each revision.
  std::string text() const;

 private:
  std::set<int> revisions_;
  std::map<std::string, std::map<int, std::string>> cells_;
};

/// The table of this program; printed when all tests have run.
Table& table();

}  // namespace ferry::revisions
