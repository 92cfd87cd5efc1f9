#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace ferry::bench {

/// Below so many runs a side no verdict is given: an exact test of 4 against 4 can hardly reach
/// 5 %, and a range of four says little.
inline constexpr std::size_t fewest_runs = 5;

/// Returns: the middle value, or the mean of the two; 0 for none.
double median(std::span<const double> values);

/// Returns: the value that `part` of them (in [0, 1]) do not exceed; 0 for none.
double quantile(std::span<const double> values, double part);

/// The exact two-sided test of Mann and Whitney: how likely are rank sums at least as far from
/// their mean as these, if both samples come from one distribution? Ties get their mean rank, and
/// the distribution is then that of those ranks.
///
/// Returns: 1 when either sample is empty.
/// Source: Mann and Whitney, "On a test of whether one of two random variables is stochastically
/// larger than the other", 1947; ties as in Lehmann, "Nonparametrics", 1.4.
double mann_whitney_p(std::span<const double> a, std::span<const double> b);

/// Corrects p-values for being many, step by step, so that all verdicts hold together.
///
/// Returns: the adjusted p-values in the order given.
/// Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.
std::vector<double> holm(std::span<const double> p);

/// How many times as large are b's values as a's? The estimate of Hodges and Lehmann (the median of
/// all quotients) and the exact confidence interval that belongs to the test above.
struct Quotient {
  double low = 0;
  double estimate = 1;
  double high = 0;  ///< infinity when there are too few runs to say
};

/// `confidence` such as 0.95; all values are above 0.
///
/// Source: Hodges and Lehmann, "Estimates of location based on rank tests", 1963, on logarithms.
Quotient quotient(std::span<const double> a, std::span<const double> b, double confidence);

enum class Verdict { better, worse, same, underpowered };

std::string_view to_string(Verdict verdict);

/// Better or worse: shown to differ (`adjusted_p` below 5 %), and by at least `threshold`. Same:
/// the whole interval is nearer than that. Anything else is not known yet, and more runs would
/// tell; fewer than `fewest_runs` never do.
Verdict judge(const Quotient& quotient, double adjusted_p, double threshold, bool higher_is_better,
              std::size_t runs);

}  // namespace ferry::bench
