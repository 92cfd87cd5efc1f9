// How near does Ferry come to what Redis can do at all, by jobs per envelope?
//
// Ferry with all it promises, beside plain streams without any of it (see limit.hpp), in turn on
// the same server, so that what else the machine does meets both.
#include <string>

#include "questions.hpp"
#include "rate_question.hpp"

namespace ferry::bench {

Questions wire_speed(bool quick) {
  Questions list;
  const auto add = [&](const std::string& name, std::size_t size, auto ours, auto limit,
                       Fsync fsync = Fsync::none) {
    const Load load = load_of(size, quick);
    list.push_back(rate_question({name, load, load, ours, limit, fsync}));
  };
  const std::size_t sizes[] = {1, 10, 64, 256, 1000};
  for (const std::size_t size : sizes) {
    add("enqueue_all_" + std::to_string(size), size, &Runs::enqueue_all, &Runs::limit_enqueue);
  }
  for (const std::size_t size : sizes) {
    add("drain_batch_" + std::to_string(size), size, &Runs::drain_batch, &Runs::limit_drain);
  }
  add("drain_job_256", 256, &Runs::drain_job, &Runs::limit_drain);
  add("steady_256", 256, &Runs::steady, &Runs::limit_steady);
  return list;
}

}  // namespace ferry::bench
