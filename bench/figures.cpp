#include "figures.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "statistics.hpp"

namespace ferry::bench {
namespace {

using nlohmann::json;

std::string thousands(double value) {
  std::string text = std::to_string(std::llround(value));
  for (auto i = static_cast<std::ptrdiff_t>(text.size()) - 3; i > 0; i -= 3) {
    text.insert(static_cast<std::size_t>(i), " ");
  }
  return text;
}

std::string_view to_string(Goal::Of of) { return of == Goal::Of::ratio ? "ratio" : "median"; }

json to_json(const Goal& goal, bool met) {
  return {{"of", to_string(goal.of)}, {"bound", goal.bound}, {"met", met}};
}

json to_json(const Figure& figure) {
  const bool limited = !figure.limit_samples.empty();
  const auto [low, high] = std::ranges::minmax(figure.samples);
  return {{"name", figure.name},
          {"unit", figure.unit},
          {"better", figure.higher_is_better ? "higher" : "lower"},
          {"median", median(figure.samples)},
          {"low", low},
          {"high", high},
          {"runs", figure.samples.size()},
          {"limit", limited ? json(median(figure.limit_samples)) : json()},
          {"ratio", limited ? json(median(figure.ratios())) : json()},
          {"goal", figure.goal ? to_json(*figure.goal, figure.meets_goal()) : json()},
          {"samples", figure.samples},
          {"limit_samples", figure.limit_samples},
          {"settings", figure.settings}};
}

Figure from_json(const json& object) {
  Figure figure;
  object.at("name").get_to(figure.name);
  object.at("unit").get_to(figure.unit);
  figure.higher_is_better = object.at("better").get<std::string>() == "higher";
  object.at("samples").get_to(figure.samples);
  object.at("limit_samples").get_to(figure.limit_samples);
  object.at("settings").get_to(figure.settings);
  if (const auto goal = object.find("goal"); goal != object.end() && !goal->is_null()) {
    const bool of_ratio = goal->at("of").get<std::string>() == "ratio";
    figure.goal = {of_ratio ? Goal::Of::ratio : Goal::Of::median, goal->at("bound").get<double>()};
  }
  // Nothing that is measured here can be 0, and the judge divides by it.
  const auto positive = [](double value) { return value > 0; };
  if (!std::ranges::all_of(figure.samples, positive) ||
      !std::ranges::all_of(figure.limit_samples, positive)) {
    throw std::runtime_error(figure.name + " has a run that is not above 0");
  }
  if (figure.samples.empty()) throw std::runtime_error(figure.name + " has no runs");
  if (!figure.limit_samples.empty() && figure.limit_samples.size() != figure.samples.size()) {
    throw std::runtime_error(figure.name + " has not as many runs of the limit as of its own");
  }
  return figure;
}

}  // namespace

std::vector<double> Figure::ratios() const {
  if (limit_samples.empty()) return samples;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < samples.size(); ++i) ratios.push_back(samples[i] / limit_samples[i]);
  return ratios;
}

bool Figure::meets_goal() const {
  const double reached = median(goal->of == Goal::Of::ratio ? ratios() : samples);
  return higher_is_better ? reached >= goal->bound : reached <= goal->bound;
}

std::string number(double value) {
  if (std::abs(value) >= 100) return thousands(value);
  // So many places that three digits count; none of the figures is so small that six do not do.
  int places = 2;
  for (double rest = std::abs(value); rest >= 10; rest /= 10) --places;
  for (double rest = std::abs(value); rest > 0 && rest < 1 && places < 6; rest *= 10) ++places;
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f", places, value);
  return text;
}

std::string to_table(const std::vector<Figure>& figures) {
  std::string table =
      "| measurement | unit | median (range) | limit, median (range) | ratio, median (range) | "
      "goal "
      "| runs |\n|---|---|---:|---:|---:|---|---:|\n";
  const auto with_range = [](const std::vector<double>& values) {
    const auto [low, high] = std::ranges::minmax(values);
    return number(median(values)) + " (" + number(low) + " to " + number(high) + ")";
  };
  const auto goal_of = [](const Figure& figure) -> std::string {
    if (!figure.goal) return "none";
    return std::string(to_string(figure.goal->of)) +
           (figure.higher_is_better ? " at least " : " at most ") + number(figure.goal->bound) +
           (figure.meets_goal() ? ": met" : ": **missed**");
  };
  for (const Figure& figure : figures) {
    const bool limited = !figure.limit_samples.empty();
    table += "| `" + figure.name + "` | " + figure.unit + " | " + with_range(figure.samples) +
             " | " + (limited ? with_range(figure.limit_samples) : "none") + " | " +
             (limited ? with_range(figure.ratios()) : "none") + " | " + goal_of(figure) + " | " +
             std::to_string(figure.samples.size()) + " |\n";
  }
  return table;
}

void write_json(const std::string& path, const std::vector<Figure>& figures) {
  json list = json::array();
  for (const Figure& figure : figures) list.push_back(to_json(figure));
  std::ofstream out(path);
  out << list.dump(2) << '\n';
  out.close();
  if (!out) throw std::runtime_error(path + " cannot be written");
}

std::vector<Figure> read_json(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path + " cannot be read");
  try {
    std::vector<Figure> figures;
    for (const json& object : json::parse(in)) figures.push_back(from_json(object));
    return figures;
  } catch (const std::exception& e) {
    throw std::runtime_error(path + " is not what `bench/run --json` writes: " + e.what());
  }
}

}  // namespace ferry::bench
