#include "results.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace {

off_t place_of(std::uint64_t number) { return static_cast<off_t>(number * sizeof(Score)); }

}  // namespace

Results::Results(const std::filesystem::path& file)
    : descriptor_(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) throw std::runtime_error("cannot open " + file.string());
}

Results::~Results() { close(descriptor_); }

void Results::write(std::uint64_t number, const Score& score) {
  if (pwrite(descriptor_, &score, sizeof score, place_of(number)) != ssize_t{sizeof score}) {
    throw std::runtime_error("cannot write the score of vector " + std::to_string(number));
  }
}

Score Results::read(std::uint64_t number) const {
  Score score;
  if (pread(descriptor_, &score, sizeof score, place_of(number)) != ssize_t{sizeof score}) {
    throw std::runtime_error("vector " + std::to_string(number) + " has no score");
  }
  return score;
}
