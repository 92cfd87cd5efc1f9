// Dead letters that go back to their queue.

#include <algorithm>
#include <utility>

#include "functions/enqueue_transaction.hpp"
#include "queue/dead_move.hpp"

namespace ferry::detail {
namespace {

class Retry : public DeadMove {
 public:
  Retry(redis::Connection& connection, const Keys& keys, const RetryOptions& options)
      : DeadMove(connection, keys), rules_{0, options.ignore_expiry, options.only} {}

 private:
  void act_on(std::span<const std::string> names, std::span<const std::int64_t> sizes) override {
    rules_.now_ms = now_ms_;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (sizes[i] != 0) continue;
      DeadPart gone;
      gone.fate = rules_.only.empty() ? DeadPart::Fate::stays : DeadPart::Fate::passed;
      gone.jobs = 1;
      gone.why = "its bytes are missing in " + keys_.parked;
      note(names[i], gone);
    }
    read_parked(connection_, keys_, names, sizes, [&](std::size_t i, std::string_view b) {
      add(names[i], b);
      return true;
    });
    send();
  }

  void add(const std::string& name, std::string_view letter) {
    std::vector<DeadPart> parts = parts_to_retry(letter, rules_);
    if (!id_in_name(name)) {
      if (parts.size() > 1) parts.resize(1);
      if (parts.front().fate == DeadPart::Fate::taken) parts.front().fate = DeadPart::Fate::stays;
      parts.front().why = "the name is none of Ferry's";
      return note(name, parts.front());
    }
    if (parts.size() == 1) {
      parts.front().letter_bytes = letter.size();
      return add_part(name, parts.front());
    }
    const auto names = split(name, parts);
    for (std::size_t i = 0; i < names.size(); ++i) add_part(names[i], parts[i]);
  }

  void add_part(const std::string& name, DeadPart& part) {
    note(name, part);
    if (part.fate != DeadPart::Fate::taken) return;
    const std::size_t bytes = std::max(part.letter_bytes, part.envelope.size());
    if (slice_.size() == max_dead_retry || bytes_ + bytes > slice_bytes) send();
    slice_.push_back({name, std::move(part.envelope), part.jobs, part.letter_bytes});
    bytes_ += bytes;
    if (bytes_ > slice_bytes) send_large();
  }

  /// All at once; if Redis refuses that, one after the other.
  void send() {
    const std::vector<DeadRetry> slice = std::exchange(slice_, {});
    bytes_ = 0;
    if (slice.empty() || send_some(slice) || slice.size() == 1) return;
    for (const DeadRetry& letter : slice) {
      if (send_some({&letter, 1})) done_with(letter.name);
    }
  }

  bool send_some(std::span<const DeadRetry> letters) {
    std::vector<std::string> names;
    for (const DeadRetry& letter : letters) names.push_back(letter.name);
    return try_on(names, [&] { return call_dead_retry(connection_, keys_, letters); });
  }

  /// A single one, which Lua should not see.
  void send_large() {
    if (!may_transact_) may_transact_ = may_transact(connection_);
    if (!*may_transact_) return send();
    const std::string name[] = {slice_.front().name};
    std::string refusal;
    const bool moved = try_on(name, [&] {
      try {
        return transact_dead_retry(connection_, keys_, slice_.front());
      } catch (const Error& error) {
        refusal = error.what();
        throw;
      }
    });
    // On a full Redis only a function may still move it.
    if (!moved && refusal.find("\"OOM ") != std::string::npos) {
      done_with(name[0]);
      return send();
    }
    slice_.clear();
    bytes_ = 0;
  }

  RevivalRules rules_;
  std::vector<DeadRetry> slice_;
  std::size_t bytes_ = 0;
  std::optional<bool> may_transact_;
};

}  // namespace

std::unique_ptr<DeadMove> dead_retry(redis::Connection& connection, const Keys& keys,
                                     const RetryOptions& options) {
  return std::make_unique<Retry>(connection, keys, options);
}

}  // namespace ferry::detail
