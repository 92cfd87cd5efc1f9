#pragma once

#include <map>
#include <string>
#include <vector>

namespace ferry::bench {

/// One measurement: its runs, in turn with the runs of its limit.
struct Figure {
  std::string name{};  ///< stays the same for good: `bench/compare` matches by it
  std::string unit{};
  bool higher_is_better = true;
  std::vector<double> samples{};
  std::vector<double> limit_samples{};  ///< as many, or none where there is no limit
  std::map<std::string, std::string> settings{};

  /// Returns: each run divided by the run of its limit; the runs themselves without a limit.
  std::vector<double> ratios() const;
};

/// Returns: a Markdown table.
std::string to_table(const std::vector<Figure>& figures);

/// Writes a list of objects `name, unit, better, median, low, high, runs, limit, ratio, samples,
/// limit_samples, settings`; limit and ratio are medians, null without a limit.
///
/// Errors: `std::runtime_error` with the path.
void write_json(const std::string& path, const std::vector<Figure>& figures);

/// Errors: `std::runtime_error` with the path and what is wrong.
std::vector<Figure> read_json(const std::string& path);

}  // namespace ferry::bench
