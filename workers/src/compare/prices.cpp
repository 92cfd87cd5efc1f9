#include "compare/prices.hpp"

#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "ferry/error.hpp"
#include "report/assets.hpp"

namespace ferry::compare {
namespace {

[[noreturn]] void wrong(const std::string& where, const std::string& what) {
  throw Error(ErrorCode::invalid_argument, "prices " + where + ": " + what);
}

Prices parse(const std::string& text, const std::string& where) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) wrong(where, "not a JSON object");
  const auto words = [&](const char* name) {
    if (!json.contains(name) || !json[name].is_string()) {
      wrong(where, std::string(name) + " is missing or no text");
    }
    return json[name].get<std::string>();
  };
  const auto price = [&](const char* name) {
    if (!json.contains(name) || !json[name].is_number() || json[name].get<double>() < 0) {
      wrong(where, std::string(name) + " is missing or no price of an hour");
    }
    return json[name].get<double>();
  };
  return {.date = words("date"),
          .currency = words("currency"),
          .source = words("source"),
          .core_hour = price("core_hour"),
          .gigabyte_hour = price("gigabyte_hour")};
}

}  // namespace

Prices read_prices(const std::filesystem::path& file) {
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in && text.empty()) wrong(file.string(), "cannot be read");
  return parse(text, file.string());
}

Prices default_prices() { return parse(std::string(report::prices_json), "that Ferry brings"); }

double price_per_million(const Prices& prices, const Resources& resources, double jobs) {
  if (jobs <= 0) return 0;
  const double price = resources.core_seconds / 3600 * prices.core_hour +
                       resources.gigabyte_seconds / 3600 * prices.gigabyte_hour;
  return price / jobs * 1e6;
}

nlohmann::json json_of(const Prices& prices) {
  return {{"date", prices.date},
          {"currency", prices.currency},
          {"source", prices.source},
          {"core_hour", prices.core_hour},
          {"gigabyte_hour", prices.gigabyte_hour}};
}

}  // namespace ferry::compare
