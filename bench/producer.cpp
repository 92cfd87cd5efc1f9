#include "producer.hpp"

#include <numeric>
#include <span>

#include "stopwatch.hpp"

namespace ferry::bench {
namespace {

/// What a producer with much to do would hand over at once; it waits for the last reply of each.
constexpr std::size_t portion = 64'000;

}  // namespace

Producer::Producer(const RedisOptions& redis, const std::string& queue, const Load& load)
    : left_(load.jobs - 1),
      blobs_(blobs_of(load, std::min(portion, load.jobs))),
      client_({.redis = redis,
               .queue = queue,
               .max_jobs_per_envelope = load.jobs_per_envelope,
               .max_bytes_per_envelope = load.max_bytes_per_envelope,
               .compress_from_bytes = load.compress_from_bytes}) {
  detail::PackedJobs packed;
  for (const Blob& blob : blobs_) {
    packed.clear();
    packed.add(blob);
    packed_bytes_.push_back(packed.bytes());
  }
  client_.enqueue(blobs_[0]);
  payload_bytes_ = packed_bytes_[0];
}

double Producer::hand_over() {
  const Stopwatch watch;
  while (left_ > 0) {
    const std::size_t count = std::min(left_, blobs_.size());
    for (const auto& result : client_.enqueue_all(std::span(blobs_).first(count))) {
      if (!result) throw Failure("a job was not stored: " + std::string(result.error->what()));
    }
    left_ -= count;
    const auto end = packed_bytes_.begin() + static_cast<std::ptrdiff_t>(count);
    payload_bytes_ = std::accumulate(packed_bytes_.begin(), end, payload_bytes_);
  }
  return watch.seconds();
}

}  // namespace ferry::bench
