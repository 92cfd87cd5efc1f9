#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace ferry::compare {

/// What things cost, as somebody wrote it down on a day.
struct Prices {
  std::string date;  ///< as in 2026-11-25
  std::string currency;
  std::string source;
  double core_hour = 0;
  double gigabyte_hour = 0;
};

/// Reads a price file: one JSON object with those members.
///
/// Errors: `invalid_argument` with the file and the member.
Prices read_prices(const std::filesystem::path& file);
/// Returns: those that Ferry brings, workers/src/compare/prices.json when it was built.
Prices default_prices();

/// What a run took, of all its processes together.
struct Resources {
  double core_seconds = 0;
  double gigabyte_seconds = 0;
};

/// Returns: the price of a million jobs when so many took this.
double price_per_million(const Prices& prices, const Resources& resources, double jobs);

nlohmann::json json_of(const Prices& prices);

}  // namespace ferry::compare
