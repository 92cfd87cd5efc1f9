// How much of Redis's memory does a waiting job take beyond its payload?
#include "questions.hpp"
#include "redis_memory.hpp"

namespace ferry::bench {
namespace {

class BytesPerJob : public Question {
 public:
  BytesPerJob()
      : Question({{.name = "redis_bytes_per_job_64",
                   .unit = "bytes per job",
                   .higher_is_better = false,
                   .settings = {{"jobs", std::to_string(load.jobs)},
                                {"payload_bytes", std::to_string(load.payload_bytes)},
                                {"max_jobs_per_envelope", std::to_string(load.jobs_per_envelope)}},
                   .goal = Goal{Goal::Of::median, 16}}}) {}

  Turn turn(bool /*limit_first*/) override {
    const RedisMemory memory = memory_of(load);
    const auto beyond = memory.grown_bytes - static_cast<std::int64_t>(memory.payload_bytes);
    return {{{static_cast<double>(beyond) / static_cast<double>(load.jobs)}}};
  }

 private:
  static constexpr Load load{.jobs = 128'000, .jobs_per_envelope = 64};
};

}  // namespace

Questions memory(bool /*quick*/) {
  Questions list;
  list.push_back(std::make_unique<BytesPerJob>());
  return list;
}

}  // namespace ferry::bench
