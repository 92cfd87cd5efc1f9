// Asks every question of bench/questions, or those that --only names, and prints one table.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/private_redis.hpp"
#include "figures.hpp"
#include "load.hpp"
#include "questions.hpp"
#include "surroundings.hpp"

namespace {

using ferry::bench::Figure;
using ferry::bench::Question;
using ferry::bench::Questions;

struct Settings {
  std::vector<std::string> only;
  std::string json;
  int repetitions = 7;
  bool quick = false;
  bool list = false;
};

class Choice {
 public:
  Choice(const std::vector<std::string>& only, const Questions& questions) : only_(only) {
    std::string names;
    std::vector<std::string> known;
    for (const auto& question : questions) {
      for (const Figure& figure : question->figures()) {
        known.push_back(figure.name);
        names += ' ';
        names += figure.name;
      }
    }
    const auto unknown = std::ranges::find_if(
        only, [&](const auto& name) { return !std::ranges::count(known, name); });
    if (unknown != only.end()) throw ferry::bench::Failure(*unknown + " is none of" + names);
  }
  bool has(const Figure& figure) const {
    return only_.empty() || std::ranges::count(only_, figure.name) > 0;
  }
  bool has_any_of(const Question& question) const {
    return std::ranges::any_of(question.figures(), [&](const auto& figure) { return has(figure); });
  }

 private:
  const std::vector<std::string>& only_;
};

/// What every figure depends on, whatever it asks.
std::map<std::string, std::string> settings_of(const ferry::bench::Surroundings& found) {
  std::map<std::string, std::string> settings{{"machine", found.machine},
                                              {"compiler", found.compiler}};
  for (const auto& [name, value] : found.redis) settings["redis " + name] = value;
  if (found.load) settings["load"] = std::to_string(*found.load);
  return settings;
}

/// Returns: the figures of one question, with their samples.
std::vector<Figure> answers_to(Question& question, int repetitions) {
  const bool watched = isatty(STDERR_FILENO) == 1;
  auto figures = question.figures();
  question.begin();
  // The first turn warms up: functions are loaded, memory is asked for.
  for (int number = 0; number <= repetitions; ++number) {
    if (watched) {
      std::fprintf(stderr, "\r%-28s %d of %d ", figures.front().name.c_str(), number, repetitions);
    }
    const auto turn = question.turn(number % 2 == 0);
    if (number == 0) continue;
    for (std::size_t i = 0; i < figures.size(); ++i) {
      figures[i].samples.push_back(turn.samples[i].ours);
      if (turn.samples[i].limit) figures[i].limit_samples.push_back(*turn.samples[i].limit);
      for (const auto& [name, value] : turn.settings) figures[i].settings[name] = value;
    }
  }
  if (watched) std::fprintf(stderr, "\r%44s\r", "");
  return figures;
}

/// Returns: whether every question that was asked has an answer.
bool run(const Settings& settings) {
  auto questions = ferry::bench::all_questions(settings.quick);
  const Choice choice(settings.only, questions);
  if (settings.list) {
    for (const auto& question : questions) {
      for (const Figure& figure : question->figures()) std::puts(figure.name.c_str());
    }
    return true;
  }
  const auto surroundings = [] {
    const ferry::PrivateRedis server;
    return ferry::bench::look_around({.url = server.url()});
  }();
  std::fputs((surroundings.to_text() + "\n").c_str(), stdout);

  std::vector<Figure> figures;
  bool all_answered = true;
  for (auto& question : questions) {
    if (choice.has_any_of(*question)) {
      try {
        for (Figure& figure : answers_to(*question, settings.repetitions)) {
          if (!choice.has(figure)) continue;
          figure.settings.merge(settings_of(surroundings));
          if (settings.quick) figure.settings["quick"] = "yes";
          figures.push_back(std::move(figure));
        }
      } catch (const std::exception& e) {
        // What the others cost must not be lost.
        all_answered = false;
        std::fprintf(stderr, "\nmeasure: no answer for %s: %s\n",
                     question->figures().front().name.c_str(), e.what());
      }
      // After each: a run that somebody ends has cost its time.
      if (!settings.json.empty()) ferry::bench::write_json(settings.json, figures);
    }
    question.reset();  // its servers end
  }
  std::printf(
      "100-byte payloads, AOF off, 2 handlers side by side that do nothing, unless name or "
      "settings\n"
      "say otherwise; servers of their own on unix sockets; ratios are of neighbouring runs.%s\n\n",
      settings.quick ? "\n--quick: too short to judge a goal." : "");
  std::fputs(ferry::bench::to_table(figures).c_str(), stdout);
  return all_answered;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == ferry::bench::share_worker_word) {
    return ferry::bench::share_worker({argv + 2, argv + argc});
  }
  Settings settings;
  CLI::App app{"What a job costs and how long it takes, beside plain Redis streams"};
  app.add_option("--only", settings.only, "names of measurements");
  app.add_option("--json", settings.json, "also write the figures to this file");
  app.add_flag("--list", settings.list, "only print the names of the measurements");
  auto* repetitions =
      app.add_option("--repetitions", settings.repetitions)->check(CLI::Range(1, 100));
  app.add_flag("--quick", settings.quick,
               "a fraction of the work, 3 repetitions: to see that it runs");
  CLI11_PARSE(app, argc, argv);
  if (settings.quick && repetitions->count() == 0) settings.repetitions = 3;
  try {
    return run(settings) ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "measure: %s\n", e.what());
    return 1;
  }
}
