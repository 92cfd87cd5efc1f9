// What do jobs get that come one by one, from few or from many threads?
//
// Ferry forms envelopes as the jobs come; whoever uses plain XADD stores one entry for each job. So
// the limit is plain XADD of single jobs, pipelined, from one thread.
#include <algorithm>
#include <string>

#include "questions.hpp"
#include "rate_question.hpp"

namespace ferry::bench {

Questions producer_threads(bool quick) {
  Questions list;
  struct Variant {
    std::size_t threads;
    std::size_t async_jobs;
    std::size_t sync_jobs;
    const char* note;
  };
  // One thread that waits for each reply does one round trip a job; the limit waits for none.
  const Variant variants[] = {
      {1, 320'000, 16'000, "each job waits for a round trip of its own; the limit never waits"},
      {8, 320'000, 64'000, ""},
      {64, 320'000, 160'000, ""}};
  for (const auto& [threads, async_jobs, sync_jobs, note] : variants) {
    Load load = load_of(256, quick);
    load.threads = threads;
    load.jobs = quick ? async_jobs / 5 : async_jobs;
    list.push_back(rate_question({"enqueue_async_" + std::to_string(threads), load,
                                  load_of(1, quick), &Runs::enqueue_async, &Runs::limit_enqueue}));
    load.jobs = quick ? sync_jobs / 5 : sync_jobs;
    list.push_back(
        rate_question({"enqueue_sync_" + std::to_string(threads), load, load_of(1, quick),
                       &Runs::enqueue_sync, &Runs::limit_enqueue, Fsync::none, note}));
  }
  return list;
}

}  // namespace ferry::bench
