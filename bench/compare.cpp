// Is b slower than a? Judges two files of `bench/run --json`.
//
// What is compared are the ratios to the limit of the same sitting, so that a machine that was
// slower that day does not count.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "figures.hpp"
#include "statistics.hpp"

namespace {

using namespace ferry::bench;

constexpr double confidence = 0.95;

struct Pair {
  Figure before;
  Figure after;
};

std::vector<Pair> pairs_of(const std::vector<Figure>& a, const std::vector<Figure>& b) {
  std::vector<Pair> pairs;
  for (const Figure& before : a) {
    const auto after = std::ranges::find(b, before.name, &Figure::name);
    if (after == b.end()) {
      std::fprintf(stderr, "%s: only in the first file\n", before.name.c_str());
    } else {
      pairs.push_back({before, *after});
    }
  }
  for (const Figure& after : b) {
    if (std::ranges::find(a, after.name, &Figure::name) == a.end()) {
      std::fprintf(stderr, "%s: only in the second file\n", after.name.c_str());
    }
  }
  return pairs;
}

/// Returns: whether anything became worse, or cannot be judged for want of runs.
int judge_all(const std::vector<Pair>& pairs, double threshold) {
  std::vector<double> p;
  p.reserve(pairs.size());
  for (const Pair& pair : pairs) {
    p.push_back(mann_whitney_p(pair.before.ratios(), pair.after.ratios()));
  }
  const std::vector<double> adjusted = holm(p);
  std::printf(
      "| measurement | before | after | change, with 95 %% interval | p, corrected | runs | "
      "verdict "
      "|\n|---|---:|---:|---:|---:|---:|---|\n");
  bool worse = false;
  bool too_few = false;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto before = pairs[i].before.ratios();
    const auto after = pairs[i].after.ratios();
    const auto change = quotient(before, after, confidence);
    const std::size_t runs = std::min(before.size(), after.size());
    const auto verdict =
        judge(change, adjusted[i], threshold, pairs[i].before.higher_is_better, runs);
    worse = worse || verdict == Verdict::worse;
    too_few = too_few || runs < fewest_runs;
    const auto percent = [](double factor) { return 100 * (factor - 1); };
    std::printf("| `%s` | %s | %s | %+.1f %% (%+.1f to %+.1f) | %.4f | %zu, %zu | %s |\n",
                pairs[i].before.name.c_str(), number(median(before)).c_str(),
                number(median(after)).c_str(), percent(change.estimate), percent(change.low),
                percent(change.high), adjusted[i], before.size(), after.size(),
                std::string(to_string(verdict)).c_str());
  }
  if (worse) return 1;
  if (too_few) {
    std::fprintf(stderr, "Fewer than %zu runs say nothing: measure without --quick.\n",
                 fewest_runs);
    return 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string before;
  std::string after;
  double threshold = 0.05;
  CLI::App app{
      "Compares two files of `bench/run --json`. Exit code: 0 nothing is worse, 1 something is, "
      "2 cannot be judged"};
  app.add_option("before", before)->required();
  app.add_option("after", after)->required();
  app.add_option("--threshold", threshold, "smaller changes do not matter, as in 0.05")
      ->check(CLI::Range(0.0, 0.9));
  CLI11_PARSE(app, argc, argv);
  try {
    const auto pairs = pairs_of(read_json(before), read_json(after));
    if (pairs.empty()) throw std::runtime_error("the files have no measurement in common");
    return judge_all(pairs, threshold);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench/compare: %s\n", e.what());
    return 2;
  }
}
