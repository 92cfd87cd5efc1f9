#include "plot_script.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "statistics.hpp"

namespace ferry::bench {
namespace {

const char* const style =
    "set grid ytics lc rgb '#dddddd'\nset border 3\nset tics nomirror\nset key outside top center "
    "horizontal\n"
    "set style line 1 lc rgb '#0b6e99' lw 2 pt 7 ps 0.6\n"
    "set style line 2 lc rgb '#999999' lw 2 pt 5 ps 0.6\n"
    "set style line 3 lc rgb '#d9822b' lw 2 pt 9 ps 0.7\n";

/// Returns: `x median low high`, a line of a here-document.
std::string line(const std::string& x, const std::vector<double>& values) {
  const auto [low, high] = std::ranges::minmax(values);
  char text[128];
  std::snprintf(text, sizeof(text), " %.9g %.9g %.9g\n", median(values), low, high);
  return x + text;
}

std::string document(const std::string& name, const std::string& lines) {
  return "$" + name + " << END\n" + lines + "END\n";
}

/// Both sides of the figures whose names are `prefix` and a number, by that number.
struct Curve {
  std::string ours{};
  std::string limit{};
};

Curve curve_of(const std::vector<Figure>& figures, std::string_view prefix) {
  Curve curve;
  for (const Figure& figure : figures) {
    if (!figure.name.starts_with(prefix)) continue;
    const std::string x = figure.name.substr(prefix.size());
    int number = 0;
    const auto end = std::from_chars(x.data(), x.data() + x.size(), number);
    if (end.ptr != x.data() + x.size() || end.ec != std::errc{}) continue;
    curve.ours += line(x, figure.samples);
    if (!figure.limit_samples.empty()) curve.limit += line(x, figure.limit_samples);
  }
  return curve;
}

void add_rates(std::vector<Plot>& plots, const std::vector<Figure>& figures, const char* name,
               std::string_view prefix, const char* title) {
  const Curve curve = curve_of(figures, prefix);
  if (curve.ours.empty() || curve.limit.empty()) return;
  plots.push_back(
      {name, std::string(style) + "set title '" + title +
                 "'\nset logscale x\nset xtics (1, 10, 64, 256, 1000)\nset xrange [0.8:1300]\n"
                 "set yrange [0:*]\nset xlabel 'jobs per envelope'\n"
                 "set ylabel 'million jobs per second'\n" +
                 document("ours", curve.ours) + document("limit", curve.limit) +
                 "plot $limit using 1:($2/1e6):($3/1e6):($4/1e6) with yerrorlines ls 2 title "
                 "'plain streams (limit)', \\\n     $ours using 1:($2/1e6):($3/1e6):($4/1e6) with "
                 "yerrorlines ls 1 title 'Ferry'\n"});
}

void add_latencies(std::vector<Plot>& plots, const std::vector<Figure>& figures) {
  std::string ours;
  std::string limit;
  for (const Figure& figure : figures) {
    if (!figure.name.starts_with("idle_") && !figure.name.starts_with("latency_")) continue;
    std::string label = figure.name;
    std::ranges::replace(label, '_', ' ');
    ours += line('"' + label + '"', figure.samples);
    // A bar that is missing keeps its place.
    limit += figure.limit_samples.empty() ? '"' + label + "\" NaN NaN NaN\n"
                                          : line('"' + label + '"', figure.limit_samples);
  }
  if (ours.empty()) return;
  plots.push_back(
      {"latency", std::string(style) +
                      "set title 'Latency: idle, and under half and four fifths of the capacity'\n"
                      "set style data histograms\nset style histogram errorbars gap 1 lw 1\n"
                      "set style fill solid 0.8\nset xtics rotate by -30\nset yrange [10:*]\n"
                      "set logscale y\nset ylabel 'microseconds'\n" +
                      document("ours", ours) + document("limit", limit) +
                      "plot $ours using 2:3:4:xtic(1) ls 1 title 'Ferry', \\\n"
                      "     $limit using 2:3:4 ls 2 title 'bare XADD and XREADGROUP (limit)'\n"});
}

void add_depth(std::vector<Plot>& plots, const std::vector<Figure>& figures) {
  std::string ratios;
  for (const Figure& figure : figures) {
    const auto depth = figure.settings.find("backlog_jobs");
    if (!figure.name.starts_with("depth_") || depth == figure.settings.end()) continue;
    ratios += line(depth->second, figure.ratios());
  }
  if (ratios.empty()) return;
  plots.push_back({"depth", std::string(style) +
                                "set title 'Rate on top of a backlog, against one of 10 000 jobs'\n"
                                "set logscale x\nset format x '10^{%L}'\nset yrange [0:1.5]\n"
                                "set xlabel 'jobs that wait'\nset ylabel 'ratio'\n" +
                                document("ratios", ratios) +
                                "plot $ratios using 1:2:3:4 with yerrorlines ls 1 title 'Ferry', "
                                "\\\n     0.9 with lines ls 3 dt 2 title 'goal'\n"});
}

}  // namespace

std::vector<Plot> plots_of(const std::vector<Figure>& figures) {
  std::vector<Plot> plots;
  add_rates(plots, figures, "enqueue", "enqueue_all_", "Enqueue by jobs per envelope");
  add_rates(plots, figures, "drain", "drain_batch_", "Drain by jobs per envelope");
  add_latencies(plots, figures);
  add_depth(plots, figures);
  return plots;
}

}  // namespace ferry::bench
