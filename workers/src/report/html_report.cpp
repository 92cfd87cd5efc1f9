#include "report/html_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "compare/pareto.hpp"
#include "compare/table.hpp"
#include "report/assets.hpp"
#include "report/html.hpp"
#include "report/html_tables.hpp"

namespace ferry::report {
namespace {

using compare::count_text;
using compare::Gain;
using compare::OpenComparison;

std::string colour_chip(char family, std::size_t index, std::string_view name,
                        std::string_view meaning = {}) {
  std::string text = "<li><i style=\"background:var(--";
  text += family;
  text += std::to_string(index) + ")\"></i>" + escaped(name);
  if (!meaning.empty()) text += " <span class=\"quiet\">" + escaped(meaning) + "</span>";
  return text + "</li>";
}

std::string policy_legend(const OpenComparison& comparison) {
  std::string text = "<ul class=\"legend\">";
  for (std::size_t i = 0; i < comparison.policies.size(); ++i) {
    text += colour_chip('c', i % 8, comparison.policies[i]);
  }
  return text + "</ul>\n";
}

std::string stage_legend() {
  std::string text = "<ul class=\"legend\">";
  for (std::size_t i = 0; i < compare::stage_names.size(); ++i) {
    text += colour_chip('s', i, compare::stage_names[i], compare::stage_meanings[i]);
  }
  return text + "</ul>\n";
}

std::string chart(const std::string& name, const std::string& label) {
  return "<div class=\"chart\" data-chart=\"" + name + "\" data-label=\"" + escaped(label) +
         "\"></div>\n";
}

/// A small chart for each rate.
std::string charts_by_rate(const OpenComparison& comparison, const std::string& name,
                           const std::string& label) {
  std::set<double> rates;
  for (const compare::OpenRow& row : comparison.rows) {
    if (row.steady && !row.refused()) rates.insert(row.rate);
  }
  std::string text = "<div class=\"grid\">\n";
  for (const double rate : rates) {
    const nlohmann::json exact = rate;
    const std::string title = count_text(rate) + " jobs/s";
    text += "<section><h3>" + title + "</h3><div class=\"chart\" data-chart=\"" + name +
            "\" data-rate=\"" + exact.dump() + "\" data-label=\"" +
            escaped(label + " at " + title) + "\"></div></section>\n";
  }
  return text + "</div>\n";
}

std::string figure(const std::string& title, const std::string& caption, const std::string& drawing,
                   const std::string& table) {
  return "<h2>" + title + "</h2>\n<figure>\n<figcaption>" + caption + "</figcaption>\n" + drawing +
         "<noscript><p class=\"quiet\">The chart needs scripts; the table says the same."
         "</p></noscript>\n" +
         table + "</figure>\n";
}

std::string verdict_box(const OpenComparison& comparison) {
  const compare::OpenVerdict& verdict = comparison.verdict;
  const char* look = verdict.gain == Gain::large_gain ? " large"
                     : verdict.gain == Gain::gain     ? " gain"
                                                      : "";
  std::string badge(to_string(verdict.gain));
  if (verdict.gain == Gain::none) badge = "no gain";
  std::string text = "<div class=\"verdict\"><span class=\"badge" + std::string(look) + "\">" +
                     escaped(badge) + "</span><p>" + escaped(verdict.text) + "</p></div>\n";
  if (verdict.notes.empty()) return text;
  text += "<ul class=\"notes\">\n";
  for (const std::string& note : verdict.notes) text += "<li>" + escaped(note) + "</li>\n";
  return text + "</ul>\n";
}

std::string head(const OpenComparison& comparison) {
  std::string text =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      // Nothing may be asked of any network.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n";
  text += "<title>" + escaped(comparison.name) + ": batch or real-time?</title>\n<style>\n";
  return text + std::string(style_css) + "</style>\n</head>\n";
}

std::string figures(const OpenComparison& comparison) {
  const std::string budget = compare::duration_text(comparison.budget_us);
  const std::string legend = policy_legend(comparison);
  std::string text = figure(
      "How long jobs take",
      "p99 from a job's intended time to Redis's word that it is done, at each rate; dashed: the "
      "budget of " +
          budget + ". Hollow: no steady state. Medians over the repetitions.",
      legend + chart("latency", "p99 latency by rate"), latency_table(comparison));
  text +=
      figure("What a job costs the worker",
             "Worker time a job: how long its work took handlers, its share of its batch, without "
             "what they waited for a processor on this machine.",
             legend + chart("worker", "worker time a job by rate"), "");
  text +=
      figure("Latency against cost",
             "Left and low is better. Hollow: dominated, another policy is no worse in both and "
             "better in one. Ringed: the knee, which is " +
                 std::string(compare::knee_rule) + ".",
             legend + charts_by_rate(comparison, "tradeoff", "latency against cost"),
             tradeoff_table(comparison));
  text += figure("Where the time goes",
                 "The mean of a job's latency, stage by stage; together they are all of it.",
                 stage_legend() + charts_by_rate(comparison, "stages", "stages of a job's latency"),
                 stages_table(comparison));
  text += figure(
      "What a million jobs cost",
      "Processors and memory of producer, Redis and worker, what Ferry needs included; a handler "
      "that waits is paid for like one that works. At the prices of " +
          escaped(comparison.prices.date) + ".",
      legend + chart("price", "price of a million jobs by rate"), price_table(comparison));
  return text;
}

}  // namespace

std::string html_of(const OpenComparison& comparison) {
  const std::string json = json_of(comparison).dump();
  std::string text = head(comparison);
  text += "<body>\n<main>\n<h1>" + escaped(comparison.name) + ": batch or real-time?</h1>\n<p>" +
          escaped(comparison.story) + "</p>\n";
  text += verdict_box(comparison) + figures(comparison);
  text += "<h2>How the work was done</h2>\n" + work_table(comparison);
  text += "<h2>Where this was measured</h2>\n" + environment_table(comparison);
  text +=
      "<h2>Raw data</h2>\n<p>Every run with all its figures, as JSON. <a class=\"download\" "
      "download=\"" +
      escaped(comparison.name) + ".json\" href=\"data:application/json;base64," + base64(json) +
      "\">Download</a></p>\n";
  text +=
      "<details class=\"quiet\"><summary>Made by ferry compare; drawn with Observable Plot 0.6.17 "
      "and "
      "D3 7.9.0, which are part of this file</summary><pre>" +
      escaped(plot_licence) + "\n" + escaped(d3_licence) + "</pre></details>\n</main>\n";
  text += "<script type=\"application/json\" id=\"data\">" + for_script(json) + "</script>\n";
  for (const std::string_view script : {d3_js, plot_js, charts_js}) {
    text += "<script>\n" + std::string(script) + "</script>\n";
  }
  return text + "</body>\n</html>\n";
}

}  // namespace ferry::report
