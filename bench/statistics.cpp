#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ferry::bench {
namespace {

/// Twice the rank of each value among all, so that mean ranks of ties are whole numbers.
std::vector<std::size_t> doubled_ranks(std::span<const double> a, std::span<const double> b) {
  std::vector<double> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  std::vector<double> sorted = all;
  std::ranges::sort(sorted);
  std::vector<std::size_t> ranks;
  for (const double value : all) {
    const auto [first, last] = std::ranges::equal_range(sorted, value);
    ranks.push_back(
        static_cast<std::size_t>((first - sorted.begin()) + 1 + (last - sorted.begin())));
  }
  return ranks;
}

/// Returns: for each sum, how likely `chosen` of the ranks drawn at random add up to it.
std::vector<double> sums_of_ranks(std::span<const std::size_t> ranks, std::size_t chosen) {
  const std::size_t most = std::accumulate(ranks.begin(), ranks.end(), std::size_t{0});
  std::vector<std::vector<double>> ways(chosen + 1, std::vector<double>(most + 1, 0.0));
  ways[0][0] = 1;
  for (const std::size_t rank : ranks) {
    for (std::size_t count = chosen; count > 0; --count) {
      for (std::size_t sum = most; sum >= rank; --sum) {
        ways[count][sum] += ways[count - 1][sum - rank];
      }
    }
  }
  const double all = std::accumulate(ways[chosen].begin(), ways[chosen].end(), 0.0);
  for (double& way : ways[chosen]) way /= all;
  return ways[chosen];
}

/// Returns: the largest number of quotients that may be left out at each end.
std::size_t left_out(std::size_t a, std::size_t b, double tail) {
  std::vector<std::size_t> ranks(a + b);
  std::iota(ranks.begin(), ranks.end(), std::size_t{1});
  const std::vector<double> likely = sums_of_ranks(ranks, a);
  std::size_t count = 0;
  double below = 0;
  for (std::size_t sum = a * (a + 1) / 2; sum < likely.size(); ++sum, ++count) {
    below += likely[sum];
    if (below > tail) break;
  }
  return count;
}

}  // namespace

double median(std::span<const double> values) {
  if (values.empty()) return 0;
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double quantile(std::span<const double> values, double part) {
  if (values.empty()) return 0;
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const double rank = std::ceil(part * static_cast<double>(sorted.size()));
  const auto place = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(place, sorted.size() - 1)];
}

double mann_whitney_p(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) return 1;
  const auto ranks = doubled_ranks(a, b);
  const auto of_a = static_cast<std::ptrdiff_t>(a.size());
  const auto seen = std::accumulate(ranks.begin(), ranks.begin() + of_a, std::size_t{0});
  const std::size_t mean = a.size() * (a.size() + b.size() + 1);
  const auto distance = [mean](std::size_t sum) { return sum > mean ? sum - mean : mean - sum; };

  const std::vector<double> likely = sums_of_ranks(ranks, a.size());
  double p = 0;
  for (std::size_t sum = 0; sum < likely.size(); ++sum) {
    if (distance(sum) >= distance(seen)) p += likely[sum];
  }
  return std::min(p, 1.0);
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return p[i]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, p[order[i]] * static_cast<double>(p.size() - i));
    adjusted[order[i]] = std::min(largest, 1.0);
  }
  return adjusted;
}

Quotient quotient(std::span<const double> a, std::span<const double> b, double confidence) {
  std::vector<double> logarithms;
  for (const double x : a) {
    for (const double y : b) logarithms.push_back(std::log(y) - std::log(x));
  }
  constexpr double nobody_knows = std::numeric_limits<double>::infinity();
  if (logarithms.empty()) return {0, 1, nobody_knows};
  std::ranges::sort(logarithms);
  const double estimate = std::exp(median(logarithms));
  const std::size_t out = left_out(a.size(), b.size(), (1 - confidence) / 2);
  if (out == 0) return {0, estimate, nobody_knows};
  return {std::exp(logarithms[out - 1]), estimate, std::exp(logarithms[logarithms.size() - out])};
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::better:
      return "better";
    case Verdict::worse:
      return "worse";
    case Verdict::same:
      return "same";
    case Verdict::underpowered:
      return "underpowered";
  }
  return "unknown";
}

Verdict judge(const Quotient& quotient, double adjusted_p, double threshold, bool higher_is_better,
              std::size_t runs) {
  if (runs < fewest_runs) return Verdict::underpowered;
  const bool higher = quotient.estimate >= 1 + threshold;
  const bool lower = quotient.estimate <= 1 - threshold;
  if (adjusted_p < 0.05 && (higher || lower)) {
    return higher == higher_is_better ? Verdict::better : Verdict::worse;
  }
  const bool near = quotient.low > 1 - threshold && quotient.high < 1 + threshold;
  return near ? Verdict::same : Verdict::underpowered;
}

}  // namespace ferry::bench
