// What does it cost that jobs survive a power cut: AOF with fsync each second, or before each
// reply?
//
// The limit runs under the same setting, so the ratio says what Ferry adds, not what the disk does.
#include <string>

#include "questions.hpp"
#include "rate_question.hpp"

namespace ferry::bench {

Questions durability(bool quick) {
  Questions list;
  const auto add = [&](const std::string& name, Fsync how, auto ours, auto limit) {
    const Load load = load_of(256, quick);
    list.push_back(rate_question(
        {name + "_256_" + std::string(to_string(how)), load, load, ours, limit, how}));
  };
  for (const auto how : {Fsync::everysec, Fsync::always}) {
    add("enqueue_all", how, &Runs::enqueue_all, &Runs::limit_enqueue);
    add("drain_batch", how, &Runs::drain_batch, &Runs::limit_drain);
    add("steady", how, &Runs::steady, &Runs::limit_steady);
  }
  return list;
}

}  // namespace ferry::bench
