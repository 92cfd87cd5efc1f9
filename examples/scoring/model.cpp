#include "model.hpp"

#include <cblas.h>

#include <algorithm>
#include <span>

namespace {

/// Source: splitmix64, https://prng.di.unimi.it/splitmix64.c
std::uint64_t mix(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

/// Numbers in [-0.5, 0.5), the same for the same seed.
void fill(std::span<float> values, std::uint64_t seed) {
  for (float& value : values) {
    value = static_cast<float>(mix(seed) >> 40U) / static_cast<float>(1U << 24U) - 0.5F;
  }
}

Score best_of(std::span<const float> scores) {
  const auto best = std::ranges::max_element(scores);
  return {*best, static_cast<std::uint32_t>(best - scores.begin())};
}

}  // namespace

Model::Model() : weights_(rows * columns) {
  fill(weights_, 1);
  // Handlers run side by side already; threads inside the library would only fight with them.
  openblas_set_num_threads(1);
}

std::vector<Score> Model::score(const std::vector<std::uint64_t>& numbers) const {
  const std::size_t count = numbers.size();
  std::vector<float> vectors(count * columns);
  for (std::size_t i = 0; i < count; ++i) {
    fill(std::span(vectors).subspan(i * columns, columns), numbers[i] + 1000);
  }
  std::vector<float> scores(count * rows);
  const auto m = static_cast<blasint>(count);
  const auto n = static_cast<blasint>(rows);
  const auto k = static_cast<blasint>(columns);
  if (count == 1) {
    cblas_sgemv(CblasRowMajor, CblasNoTrans, n, k, 1.0F, weights_.data(), k, vectors.data(), 1,
                0.0F, scores.data(), 1);
  } else {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0F, vectors.data(), k,
                weights_.data(), k, 0.0F, scores.data(), n);
  }
  std::vector<Score> best;
  for (std::size_t i = 0; i < count; ++i) {
    best.push_back(best_of(std::span(scores).subspan(i * rows, rows)));
  }
  return best;
}

Score Model::score_plainly(std::uint64_t number) const {
  std::vector<float> vector(columns);
  fill(vector, number + 1000);
  std::vector<float> scores(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (std::size_t column = 0; column < columns; ++column) {
      sum += static_cast<double>(weights_[row * columns + column]) * vector[column];
    }
    scores[row] = static_cast<float>(sum);
  }
  return best_of(scores);
}
