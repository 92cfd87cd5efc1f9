#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

/// The best of a vector's scores.
struct Score {
  float value = 0;
  std::uint32_t row = 0;
};

/// A dense matrix of made-up weights; a vector's scores are the matrix times the vector.
///
/// Threads: `score` may be called from several threads.
class Model {
 public:
  static constexpr std::size_t rows = 4096;
  static constexpr std::size_t columns = 512;

  Model();

  /// Returns: the best score of each vector. One vector is a matrix-vector product, bound by
  /// reading the 8 MiB matrix; several are one matrix-matrix product, which reads it once for all.
  std::vector<Score> score(const std::vector<std::uint64_t>& numbers) const;

  /// The same for one vector with plain loops, to check against.
  Score score_plainly(std::uint64_t number) const;

 private:
  std::vector<float> weights_;  ///< row by row
};
