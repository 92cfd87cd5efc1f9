#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "model.hpp"

/// A file of scores, each at the place its number gives it: writing one twice does no harm, and
/// handlers need no lock.
///
/// Errors: std::runtime_error.
/// Threads: any, as long as they write different numbers.
class Results {
 public:
  explicit Results(const std::filesystem::path& file);
  ~Results();
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;

  void write(std::uint64_t number, const Score& score);
  Score read(std::uint64_t number) const;

 private:
  int descriptor_ = -1;
};
