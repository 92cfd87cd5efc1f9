#include "plan/bill.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "ferry/error.hpp"
#include "report/assets.hpp"

namespace ferry::plan {
namespace {

using nlohmann::json;

[[noreturn]] void wrong(const std::string& file, const std::string& what) {
  throw Error(ErrorCode::invalid_argument,
              "prices " + file + ": " + what +
                  R"(; expected {"date": "2026-11-25", "currency": "EUR", "source": "…", )"
                  R"("core_hour": 0.02, "gigabyte_hour": 0.003, "gigabyte_moved": 0.01})");
}

}  // namespace

Rates read_rates(std::string_view text, const std::string& file) {
  const json root = json::parse(text, nullptr, false);
  if (!root.is_object()) wrong(file, "no JSON object");
  const auto words = [&](const char* name) {
    if (!root.contains(name) || !root[name].is_string()) {
      wrong(file, std::string("\"") + name + "\" is missing or no text");
    }
    return root[name].get<std::string>();
  };
  const auto price = [&](const char* name) {
    if (!root.contains(name) || !root[name].is_number() || root[name].get<double>() < 0) {
      wrong(file, std::string("\"") + name + "\" is missing or no price");
    }
    return root[name].get<double>();
  };
  return {.date = words("date"),
          .currency = words("currency"),
          .source = words("source"),
          .core_hour = price("core_hour"),
          .gigabyte_hour = price("gigabyte_hour"),
          .gigabyte_moved = root.contains("gigabyte_moved") ? price("gigabyte_moved") : 0};
}

Rates default_rates() { return read_rates(report::prices_json, "that Ferry brings"); }

std::string_view to_string(LineKind kind) {
  constexpr std::array<std::string_view, 5> names{"worker CPU", "Redis CPU", "producer CPU",
                                                  "Redis memory", "traffic"};
  return names.at(static_cast<std::size_t>(kind));
}

double Bill::per_month() const {
  double sum = 0;
  for (const Line& line : lines) sum += line.per_month;
  return sum;
}

double Bill::of(LineKind kind) const { return lines.at(static_cast<std::size_t>(kind)).per_month; }

double Bill::used(LineKind kind) const { return lines.at(static_cast<std::size_t>(kind)).used; }

const Line& Bill::largest() const { return *std::ranges::max_element(lines, {}, &Line::per_month); }

Bill bill_of(const Measured& measured, const Rates& rates, const Usage& usage) {
  const auto cores = [&](LineKind kind, const JobCost& cost) {
    const double used = usage.per_second * cost.at(usage.mean_batch, usage.worker_per_second) / 1e6;
    return Line{kind, used, used / used_of_rented * rates.core_hour * hours_in_month};
  };
  const double held = usage.per_second * usage.outage_seconds * measured.redis_bytes;
  const double moved = usage.per_second *
                       measured.bytes.at(usage.mean_batch, usage.worker_per_second) *
                       hours_in_month * 3600;
  return {{cores(LineKind::worker_cpu, measured.worker_cpu),
           cores(LineKind::redis_cpu, measured.redis_cpu),
           cores(LineKind::producer_cpu, measured.producer_cpu),
           {LineKind::redis_memory, held,
            held / bytes_in_gigabyte / used_of_rented * rates.gigabyte_hour * hours_in_month},
           {LineKind::traffic, moved, moved / bytes_in_gigabyte * rates.gigabyte_moved}}};
}

double per_million(double per_month, double per_second) {
  return per_second > 0 ? per_month / (per_second * hours_in_month * 3600) * 1e6 : 0;
}

}  // namespace ferry::plan
