#include "revisions/table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

namespace ferry::revisions {
namespace {

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

class PrintAtTheEnd : public testing::Environment {
 public:
  void TearDown() override { std::cout << table().text(); }
};

const auto* const printer = testing::AddGlobalTestEnvironment(new PrintAtTheEnd);

}  // namespace

void Table::add(int revision, const std::string& column, int calls, bool well) {
  revisions_.insert(revision);
  const std::string what = calls == 0 ? "ok" : "ok, " + std::to_string(calls) + " calls";
  cells_[column][revision] = well ? what : "FAILED";
}

std::string Table::text() const {
  constexpr std::size_t first = 34;
  constexpr std::size_t width = 16;
  std::string text = padded("revision", first);
  for (const int revision : revisions_) text += padded(std::to_string(revision), width);
  text += '\n';
  for (const auto& [column, cells] : cells_) {
    text += padded(column, first);
    for (const int revision : revisions_) {
      const auto cell = cells.find(revision);
      text += padded(cell == cells.end() ? "-" : cell->second, width);
    }
    text += '\n';
  }
  return text;
}

Table& table() {
  static Table one;
  return one;
}

}  // namespace ferry::revisions
