#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ferry::bench {

/// What a figure is to reach: at least the bound where higher is better, else at most.
struct Goal {
  enum class Of { median, ratio };
  Of of = Of::median;
  double bound = 0;
};

/// One measurement: its runs, in turn with the runs of its limit.
struct Figure {
  std::string name{};  ///< stays the same for good: `bench/compare` matches by it
  std::string unit{};
  bool higher_is_better = true;
  std::vector<double> samples{};
  std::vector<double> limit_samples{};  ///< as many, or none where there is no limit
  std::map<std::string, std::string> settings{};
  std::optional<Goal> goal{};

  /// Returns: each run divided by the run of its limit; the runs themselves without a limit.
  std::vector<double> ratios() const;
  /// Returns: whether the median, of the runs or of their ratios, reaches the goal; there is one.
  bool meets_goal() const;
};

/// Returns: three digits that count, thousands apart: `0.00412`, `9.82`, `1 234 567`.
std::string number(double value);

/// Returns: a Markdown table.
std::string to_table(const std::vector<Figure>& figures);

/// Writes a list of objects `name, unit, better, median, low, high, runs, limit, ratio, goal,
/// samples, limit_samples, settings`. Limit and ratio are medians, null without a limit; goal is
/// null or an object `of, bound, met`.
///
/// Errors: `std::runtime_error` with the path.
void write_json(const std::string& path, const std::vector<Figure>& figures);

/// Errors: `std::runtime_error` with the path and what is wrong.
std::vector<Figure> read_json(const std::string& path);

}  // namespace ferry::bench
