#include "cli/parts/growth.hpp"

#include <charconv>
#include <cmath>
#include <string>

namespace ferry::cli {
namespace {

/// A number and what follows it.
struct Amount {
  double value = 0;
  std::string_view unit;
};

std::optional<Amount> amount_of(std::string_view text) {
  Amount amount;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, amount.value);
  if (error != std::errc{} || !std::isfinite(amount.value)) return {};
  amount.unit = std::string_view(rest, static_cast<std::size_t>(end - rest));
  return amount;
}

}  // namespace

std::optional<double> parse_growth(std::string_view text) {
  const auto amount = amount_of(text);
  if (!amount || amount->value <= -100) return {};
  const double part = amount->value / 100;
  if (amount->unit == "%" || amount->unit == "%/year") return part;
  if (amount->unit == "%/month") return std::pow(1 + part, 12) - 1;
  return {};
}

std::optional<double> parse_years(std::string_view text) {
  const auto amount = amount_of(text);
  if (!amount || amount->value < 0) return {};
  if (amount->unit == "y") return amount->value;
  if (amount->unit == "mo") return amount->value / 12;
  if (amount->unit == "d") return amount->value / 365.25;
  if (amount->unit.empty() && amount->value == 0) return 0;
  return {};
}

}  // namespace ferry::cli
