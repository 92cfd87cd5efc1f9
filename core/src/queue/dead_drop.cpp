// Dead letters that are removed for good.

#include <algorithm>

#include "queue/dead_move.hpp"

namespace ferry::detail {
namespace {

class Drop : public DeadMove {
 public:
  Drop(redis::Connection& connection, const Keys& keys, const DeadFilter& only)
      : DeadMove(connection, keys), only_(only) {}

 private:
  void act_on(std::span<const std::string> names, std::span<const std::int64_t> sizes) override {
    if (only_.empty()) return drop(names, sizes);
    std::vector<std::string> chosen;
    std::vector<std::int64_t> their_sizes;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (sizes[i] == 0) pass(names[i]);
    }
    read_parked(connection_, keys_, names, sizes, [&](std::size_t i, std::string_view bytes) {
      choose(names[i], bytes, chosen, their_sizes);
      return true;
    });
    drop(chosen, their_sizes);
  }

  void pass(const std::string& name) {
    DeadPart part;
    part.fate = DeadPart::Fate::passed;
    note(name, part);
  }

  /// Of a letter with other jobs beside those that were asked for, these leave alone.
  void choose(const std::string& name, std::string_view letter, std::vector<std::string>& chosen,
              std::vector<std::int64_t>& sizes) {
    std::vector<DeadPart> parts = parts_to_drop(letter, only_);
    std::vector<std::string> names{name};
    if (parts.size() == 1) {
      parts.front().letter_bytes = letter.size();
    } else if (id_in_name(name)) {
      names = split(name, parts);
    } else {
      return pass(name);
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (parts[i].fate != DeadPart::Fate::taken) {
        note(names[i], parts[i]);
        continue;
      }
      chosen.push_back(names[i]);
      sizes.push_back(static_cast<std::int64_t>(parts[i].letter_bytes));
    }
  }

  void drop(std::span<const std::string> names, std::span<const std::int64_t> sizes) {
    std::vector<std::string> small;
    std::vector<std::int64_t> small_sizes;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!id_in_name(names[i])) {
        remove({names[i], 0, sizes[i]});  // no function of Ferry's has counted it
      } else if (sizes[i] == 0) {
        remove({names[i], 1, 0});  // how many jobs it had is lost with its bytes
      } else if (sizes[i] > slice_bytes) {
        drop_large(names[i], sizes[i]);
      } else {
        small.push_back(names[i]);
        small_sizes.push_back(sizes[i]);
      }
    }
    for (std::size_t at = 0; at < small.size();) {
      const std::size_t count = slice_of(std::span(small_sizes).subspan(at));
      drop_small(std::span(small).subspan(at, count));
      at += count;
    }
  }

  void drop_small(std::span<const std::string> names) {
    const auto drop = [&](std::span<const std::string> some) {
      return try_on(some, [&] { return call_dead_drop(connection_, keys_, some); });
    };
    if (drop(names) || names.size() == 1) return;
    for (const std::string& name : names) {
      if (drop({&name, 1})) done_with(name);
    }
  }

  /// The functions need not read it to know its jobs.
  void drop_large(const std::string& name, std::int64_t size) {
    std::int64_t jobs = 1;
    read_parked(connection_, keys_, {&name, 1}, {&size, 1},
                [&](std::size_t, std::string_view bytes) {
                  jobs = std::max<std::int64_t>(1, jobs_in(bytes));
                  return true;
                });
    remove({name, jobs, size});
  }

  void remove(const SeenEnvelope& letter) {
    try_on({&letter.name, 1}, [&] {
      return call_remove(connection_, keys_, "dead", {&letter, 1}).jobs;
    });
  }

  DeadFilter only_;
};

}  // namespace

std::unique_ptr<DeadMove> dead_drop(redis::Connection& connection, const Keys& keys,
                                    const DeadFilter& only) {
  return std::make_unique<Drop>(connection, keys, only);
}

}  // namespace ferry::detail
