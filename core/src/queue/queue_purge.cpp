#include <utility>

#include "queue/queue_impl.hpp"

namespace ferry {
namespace {

using detail::StreamReader;
using redis::Connection;

/// Removes what waits or is delayed, slice by slice.
class Purge {
 public:
  Purge(Connection& connection, const Keys& keys,
        const std::function<void(std::int64_t removed)>& progress)
      : connection_(connection), keys_(keys), progress_(progress) {}

  std::int64_t removed() const { return removed_; }

  void remove_all(const BooksReply& books) {
    remove_due();
    for (std::size_t i = 0; i < priority_count; ++i) remove_waiting(books, i);
  }

 private:
  static constexpr std::array<std::string_view, priority_count> digits{"0", "1", "2"};

  /// About a megabyte at a time: to free memory takes time as well.
  std::int64_t remove(std::string_view where, std::span<const SeenEnvelope> envelopes) {
    std::vector<std::int64_t> sizes;
    for (const SeenEnvelope& envelope : envelopes) sizes.push_back(envelope.bytes);
    std::int64_t gone = 0;
    for (std::size_t at = 0; at < envelopes.size();) {
      const std::size_t count = slice_of(std::span(sizes).subspan(at));
      const Removed slice = call_remove(connection_, keys_, where, envelopes.subspan(at, count));
      removed_ += slice.jobs;
      gone += slice.envelopes;
      if (slice.jobs > 0 && progress_) progress_(removed_);
      at += count;
    }
    return gone;
  }

  void remove_due() {
    for (std::int64_t rank = 0;;) {
      WeighedSlice slice = call_weigh_parked(connection_, keys_, keys_.due, rank, true);
      if (slice.entries == 0) return;
      read_large(slice.list);
      // What stays has another form by now; it is not looked at again.
      rank += slice.entries - remove("due", slice.list);
    }
  }

  /// Fills in the jobs of those that the function did not read. What has a name of Ferry's had a
  /// job at least, whatever became of its bytes.
  void read_large(std::vector<SeenEnvelope>& list) {
    for (SeenEnvelope& envelope : list) {
      const std::string names[] = {envelope.name};
      const std::int64_t sizes[] = {envelope.bytes};
      if (envelope.jobs < 0) {
        detail::read_parked(connection_, keys_, names, sizes,
                            [&](std::size_t, std::string_view bytes) {
                              envelope.jobs = detail::jobs_in(bytes);
                              return true;
                            });
      }
      if (envelope.jobs <= 0) envelope.jobs = detail::id_in_name(envelope.name) ? 1 : 0;
    }
  }

  void remove_waiting(const BooksReply& books, std::size_t priority) {
    StreamReader reader(connection_, keys_, priority, "(" + books.last_delivered[priority], "+",
                        books.mean_bytes());
    while (const auto slice = reader.weigh(true)) remove(digits[priority], slice->list);
  }

  Connection& connection_;
  const Keys& keys_;
  const std::function<void(std::int64_t removed)>& progress_;
  std::int64_t removed_ = 0;
};

}  // namespace

std::int64_t Queue::purge(const std::function<void(std::int64_t removed)>& progress) {
  Connection& connection = impl_->ready();
  const Keys& keys = impl_->keys;
  call_remove(connection, keys, "due", {});  // asks for an operator's rights, before all else
  // What is leased stays, and leaves by itself meanwhile.
  const auto to_purge = [](const BooksReply& books) {
    return books.envelopes - books.leased_envelopes + books.due_entries;
  };
  Purge purge(connection, keys, progress);
  for (BooksReply books = detail::readable_books(connection, keys);;) {
    const std::int64_t before = to_purge(books);
    if (before == 0) return purge.removed();
    purge.remove_all(books);
    // A delayed job may have come to its stream, behind what was read there.
    books = detail::readable_books(connection, keys);
    if (to_purge(books) >= before) return purge.removed();
  }
}

}  // namespace ferry
