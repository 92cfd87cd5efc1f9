// How do the rates depend on the payload's size?
//
// As many jobs share an envelope as Ferry puts there with its default options: 256 jobs or 32 KiB.
// The limit's entries hold as many. The other measurements have 100 bytes.
#include <algorithm>
#include <string>

#include "questions.hpp"
#include "rate_question.hpp"

namespace ferry::bench {

Questions payload_size(bool quick) {
  struct Size {
    const char* name;
    std::size_t bytes;
  };
  constexpr Size sizes[] = {{"16", 16}, {"1k", 1024}, {"10k", 10 * 1024}, {"64k", 64 * 1024}};
  Questions list;
  const auto add = [&](const std::string& name, std::size_t bytes, auto ours, auto limit) {
    // Enough for some tenths of a second, and not more than a small machine's memory.
    constexpr std::size_t most_bytes = 256 * 1024 * 1024;
    Load load = load_of(256, quick);
    load.payload_bytes = bytes;
    load.max_bytes_per_envelope = ClientOptions{}.max_bytes_per_envelope;
    load.jobs_per_envelope = jobs_that_fit(load);
    load.jobs = std::min(load.jobs, (quick ? most_bytes / 4 : most_bytes) / bytes);
    load.jobs -= load.jobs % load.jobs_per_envelope;
    list.push_back(
        rate_question({name, load, load, ours, limit, Fsync::none,
                       "jobs per envelope as with the default max_bytes_per_envelope of 32 KiB"}));
  };
  for (const Size& size : sizes) {
    add(std::string("enqueue_payload_") + size.name, size.bytes, &Runs::enqueue_all,
        &Runs::limit_enqueue);
  }
  for (const Size& size : sizes) {
    add(std::string("drain_payload_") + size.name, size.bytes, &Runs::drain_batch,
        &Runs::limit_drain);
  }
  return list;
}

}  // namespace ferry::bench
