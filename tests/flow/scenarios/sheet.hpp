#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace ferry::flow {

/// One figure: what was asked for, and what was measured.
struct Row {
  std::string scenario;
  std::string cell;
  std::string measure;
  std::string asked;  ///< empty: nothing, the figure only explains others
  double measured = 0;
  std::string unit;
  std::optional<bool> kept;  ///< nothing where nothing was asked
  bool must = false;         ///< holds on any machine, however busy
};

/// Collects the figures of a run.
///
/// Threads: one thread at a time.
class Sheet {
 public:
  /// Told of each scenario and cell that begins.
  std::function<void(const std::string& scenario, const std::string& cell)> on_begin{};

  /// Rows from now on are of this scenario and cell.
  void begin(const std::string& scenario, const std::string& cell);

  void figure(const std::string& measure, double measured, const std::string& unit);
  void at_most(const std::string& measure, double measured, double most, const std::string& unit);
  void at_least(const std::string& measure, double measured, double least, const std::string& unit);
  /// What has to be true on any machine; `count` is how often it was not.
  void must(const std::string& sentence, std::int64_t count);
  void must_hold(const std::string& sentence, bool holds) { must(sentence, holds ? 0 : 1); }
  /// Kept in the JSON beside the rows, such as the mix that was run.
  void note(const std::string& text);

  const std::vector<Row>& rows() const { return rows_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  void add(Row row);

  std::string scenario_;
  std::string cell_;
  std::vector<Row> rows_;
  std::vector<std::string> notes_;
};

/// Several repetitions as one: the median and the worst of each figure; kept where the median is
/// kept, and what must hold only where it always held.
///
/// Returns: a table for people.
std::string table_of(const std::vector<Row>& rows);

nlohmann::ordered_json json_of(const Sheet& sheet);

bool all_must_hold(const std::vector<Row>& rows);

}  // namespace ferry::flow
