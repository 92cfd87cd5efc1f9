// What does compression gain and cost on text, as services write it?
//
// The limit of the rates stores as many bytes without compressing them, so the two ratios can be
// compared. Bytes are what Redis's memory grows by, for each byte of payload.
#include <string>

#include "questions.hpp"
#include "rate_question.hpp"
#include "records.hpp"
#include "redis_memory.hpp"

namespace ferry::bench {
namespace {

/// Large enough that a header is not worth it, small enough that every envelope is compressed.
constexpr std::size_t compress_from_bytes = 1024;

Load text_load(bool quick, bool compressed) {
  Load load = load_of(64, quick);
  load.jobs = quick ? 64'000 : 320'000;
  load.text = true;
  load.payload_bytes = record_payload_bytes;
  load.compress_from_bytes = compressed ? compress_from_bytes : 0;
  return load;
}

class TextBytes : public Question {
 public:
  TextBytes()
      : Question({{.name = "redis_bytes_text_zstd",
                   .unit = "bytes per payload byte",
                   .higher_is_better = false,
                   .settings = {{"max_jobs_per_envelope", "64"},
                                {"compress_from_bytes", std::to_string(compress_from_bytes)},
                                {"payload", "records of a log, as JSON"}},
                   .goal = Goal{Goal::Of::median, 0.4}}}) {}

  Turn turn(bool /*limit_first*/) override {
    Load load = text_load(false, true);
    load.jobs = 128'000;
    const RedisMemory memory = memory_of(load);
    return {{{static_cast<double>(memory.grown_bytes) / static_cast<double>(memory.payload_bytes)}},
            {{"jobs", std::to_string(load.jobs)},
             {"payload_bytes", std::to_string(memory.payload_bytes / load.jobs)}}};
  }
};

}  // namespace

Questions text(bool quick) {
  Questions list;
  list.push_back(std::make_unique<TextBytes>());
  Load plain = text_load(quick, false);
  plain.text = false;
  const Load& limit = plain;
  const Load raw = text_load(quick, false);
  const Load zstd = text_load(quick, true);
  const auto add = [&](const std::string& name, const Load& load, auto ours, auto its_limit) {
    list.push_back(rate_question({name, load, limit, ours, its_limit, Fsync::none,
                                  "the limit stores as many bytes of one letter, uncompressed"}));
  };
  add("enqueue_text_raw", raw, &Runs::enqueue_all, &Runs::limit_enqueue);
  add("enqueue_text_zstd", zstd, &Runs::enqueue_all, &Runs::limit_enqueue);
  add("drain_text_raw", raw, &Runs::drain_batch, &Runs::limit_drain);
  add("drain_text_zstd", zstd, &Runs::drain_batch, &Runs::limit_drain);
  return list;
}

}  // namespace ferry::bench
