// checksum: plain work on each job by itself. A batch has nothing to share but the way through
// Redis, so this is where batching gains little: the counter-example.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "checksum_block.hpp"
#include "crc32c.hpp"
#include "ferry/experiment.hpp"

namespace {

constexpr std::size_t default_blocks = 20'000;
using Block = std::array<std::uint8_t, 64 * 1024>;

std::uint32_t checksum_of(std::uint64_t number) {
  Block block;
  std::uint64_t state = number * 2 + 1;
  for (std::size_t i = 0; i < block.size(); i += 8) {
    // Marsaglia's xorshift64: cheap, and different for each block.
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    for (std::size_t byte = 0; byte < 8; ++byte) {
      block[i + byte] = static_cast<std::uint8_t>(state >> (8 * byte));
    }
  }
  return crc32c(block);
}

/// A file of checksums, each at its block's place: to write one twice does no harm.
class Results {
 public:
  explicit Results(const std::filesystem::path& file)
      : descriptor_(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) throw std::runtime_error("cannot open " + file.string());
  }
  ~Results() { close(descriptor_); }
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;

  void write(std::uint64_t number, std::uint32_t checksum) {
    const auto place = static_cast<off_t>(number * sizeof checksum);
    if (pwrite(descriptor_, &checksum, sizeof checksum, place) != ssize_t{sizeof checksum}) {
      throw std::runtime_error("cannot write the checksum of block " + std::to_string(number));
    }
  }

  std::uint32_t read(std::uint64_t number) const {
    std::uint32_t checksum = 0;
    const auto place = static_cast<off_t>(number * sizeof checksum);
    if (pread(descriptor_, &checksum, sizeof checksum, place) != ssize_t{sizeof checksum}) {
      throw std::runtime_error("block " + std::to_string(number) + " has no checksum");
    }
    return checksum;
  }

 private:
  int descriptor_ = -1;
};

ferry::Handlers handlers(const ferry::Policy& policy, const std::filesystem::path& file) {
  const auto results = std::make_shared<Results>(file);
  ferry::Handlers handlers;
  handlers.on_batch<ChecksumBlock>(policy, [results](ferry::Batch<ChecksumBlock>& batch) {
    for (const auto& item : batch) results->write(item->number, checksum_of(item->number));
  });
  return handlers;
}

/// Every checksum is there, and one in a hundred is worked out again.
void verify(const std::filesystem::path& file, std::int64_t jobs) {
  const Results results{file};
  for (std::uint64_t number = 0; number < static_cast<std::uint64_t>(jobs); ++number) {
    const std::uint32_t checksum = results.read(number);
    if (checksum == 0 || (number % 100 == 0 && checksum != checksum_of(number))) {
      throw std::runtime_error("block " + std::to_string(number) + " has a wrong checksum");
    }
  }
}

std::string show(const std::filesystem::path& file) {
  char text[128];
  std::snprintf(text, sizeof text,
                "results   CRC-32C of block 0 is %08x; one in a hundred was worked out again\n",
                Results{file}.read(0));
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const auto file = std::make_shared<std::filesystem::path>();
  ferry::Experiment checksum;
  checksum.name = "checksum";
  checksum.story = "CRC-32C of 64 KiB blocks; a batch shares nothing but the way through Redis";
  checksum.queue = "checksum";
  checksum.configure = [file](const ferry::Setup& setup) { *file = setup.scratch / "checksums"; };
  checksum.produce = [](ferry::Client& client, std::size_t limit) {
    std::vector<ChecksumBlock> jobs(limit == 0 ? default_blocks : limit);
    for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].number = i;
    for (const auto& result : client.enqueue_all(jobs)) {
      if (!result) throw *result.error;
    }
  };
  checksum.produce_one = [](ferry::Client& client, std::size_t index) {
    return client.enqueue_async(ChecksumBlock{.number = index % default_blocks});
  };
  checksum.handlers = [file](const ferry::Policy& policy) { return handlers(policy, *file); };
  checksum.reset = [file] { std::filesystem::remove(*file); };
  checksum.verify = [file](std::int64_t jobs) { verify(*file, jobs); };
  checksum.show = [file] { return show(*file); };
  return ferry::experiment_main(argc, argv, checksum);
}
