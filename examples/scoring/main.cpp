// scoring: vectors against a dense matrix. One at a time, the matrix is read from memory for each;
// together, once for all.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "ferry/experiment.hpp"
#include "model.hpp"
#include "results.hpp"
#include "score_vector.hpp"

namespace {

constexpr std::size_t default_vectors = 20'000;

ferry::Handlers handlers(const ferry::Policy& policy, const std::filesystem::path& file) {
  const auto model = std::make_shared<const Model>();
  const auto results = std::make_shared<Results>(file);
  ferry::Handlers handlers;
  handlers.on_batch<ScoreVector>(policy, [=](ferry::Batch<ScoreVector>& batch) {
    std::vector<std::uint64_t> numbers;
    for (const auto& item : batch) numbers.push_back(item->number);
    const std::vector<Score> scores = model->score(numbers);
    for (std::size_t i = 0; i < scores.size(); ++i) results->write(numbers[i], scores[i]);
  });
  return handlers;
}

/// Every score is there, and one in a hundred is worked out again in the simplest way.
void verify(const std::filesystem::path& file, std::int64_t jobs) {
  const Model model;
  const Results results{file};
  for (std::uint64_t number = 0; number < static_cast<std::uint64_t>(jobs); ++number) {
    const Score score = results.read(number);
    if (score.value == 0) {
      throw std::runtime_error("vector " + std::to_string(number) + " was not scored");
    }
    if (number % 100 != 0) continue;
    const Score expected = model.score_plainly(number);
    // Sums of 512 products in another order differ in the last digits.
    if (std::abs(score.value - expected.value) > 1e-3F) {
      throw std::runtime_error("vector " + std::to_string(number) + " scored " +
                               std::to_string(score.value) + ", expected " +
                               std::to_string(expected.value));
    }
  }
}

std::string show(const std::filesystem::path& file) {
  const Results results{file};
  std::string text = "results   the first vectors' best rows:";
  for (std::uint64_t number = 0; number < 4; ++number) {
    const Score score = results.read(number);
    char line[64];
    std::snprintf(line, sizeof line, " %u (%.3f)", score.row, static_cast<double>(score.value));
    text += line;
  }
  return text + "; checked against plain loops after every run\n";
}

}  // namespace

int main(int argc, char** argv) {
  const auto file = std::make_shared<std::filesystem::path>();
  ferry::Experiment scoring;
  scoring.name = "scoring";
  scoring.story =
      "scores vectors of 512 numbers against 4,096 rows; a batch is one matrix-matrix product";
  scoring.queue = "scoring";
  scoring.configure = [file](const ferry::Setup& setup) { *file = setup.scratch / "scores"; };
  scoring.produce = [](ferry::Client& client, std::size_t limit) {
    std::vector<ScoreVector> jobs(limit == 0 ? default_vectors : limit);
    for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].number = i;
    for (const auto& result : client.enqueue_all(jobs)) {
      if (!result) throw *result.error;
    }
  };
  scoring.produce_one = [](ferry::Client& client, std::size_t index) {
    return client.enqueue_async(ScoreVector{.number = index % default_vectors});
  };
  scoring.handlers = [file](const ferry::Policy& policy) { return handlers(policy, *file); };
  scoring.reset = [file] { std::filesystem::remove(*file); };
  scoring.verify = [file](std::int64_t jobs) { verify(*file, jobs); };
  scoring.show = [file] { return show(*file); };
  return ferry::experiment_main(argc, argv, scoring);
}
