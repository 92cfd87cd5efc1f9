#pragma once

#include <memory>
#include <ranges>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "ferry/client_options.hpp"
#include "ferry/error.hpp"
#include "ferry/job.hpp"

namespace ferry {

namespace detail {
struct Flight;
class Sender;

/// Packs jobs one behind the other into one buffer; the thin typed skin over `Client`.
class PackedJobs {
 public:
  template <Job T>
  void add(const T& job) {
    msgpack::pack(buffer_, job);
    ends_.push_back(buffer_.size());
  }
  void clear() {
    buffer_.clear();
    ends_.clear();
  }
  std::size_t size() const { return ends_.size(); }
  std::size_t bytes() const { return buffer_.size(); }
  std::string_view operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {buffer_.data() + begin, ends_[i] - begin};
  }

 private:
  msgpack::sbuffer buffer_;
  std::vector<std::size_t> ends_;
};

/// A buffer that the calling thread lends for one call; also in the destructors of static and
/// thread_local objects.
class LentBuffer {
 public:
  LentBuffer();
  ~LentBuffer();
  LentBuffer(const LentBuffer&) = delete;
  LentBuffer& operator=(const LentBuffer&) = delete;
  PackedJobs& operator*() { return *jobs_; }
  PackedJobs* operator->() { return jobs_.get(); }

 private:
  std::unique_ptr<PackedJobs> jobs_;
};

struct CloseSender {
  void operator()(Sender* sender) const;
};

/// Jobs of one call whose ids follow each other and that share their fate.
struct ReceiptRun {
  std::shared_ptr<Flight> flight;
  JobId first;
  std::size_t count = 0;
};
}  // namespace detail

/// What became of one job of a call: its id, or why it was not stored.
struct [[nodiscard]] EnqueueResult {
  JobId id;
  /// Null when the job is stored. Jobs that failed together share it.
  std::shared_ptr<const Error> error;

  explicit operator bool() const { return error == nullptr; }
};

/// A promise that a job handed over with `enqueue_async` was stored, or why not.
///
/// Threads: may be waited for from any thread, and outlives the client.
class [[nodiscard]] Receipt {
 public:
  const JobId& id() const { return id_; }
  /// Returns: true when `get` will not wait.
  bool ready() const;
  /// Waits until Redis answered or the client gave up (its `block_timeout`).
  ///
  /// Returns: in a process that was forked meanwhile, `outcome_unknown`.
  EnqueueResult get() const;

 private:
  friend class detail::Sender;
  JobId id_;
  std::shared_ptr<detail::Flight> flight_;
};

/// Counts since the client was made.
struct ClientStats {
  std::uint64_t enqueued_jobs = 0;  ///< acknowledged by Redis
  std::uint64_t failed_jobs = 0;    ///< told to the caller as an error, shed and expired included
  std::uint64_t shed_jobs = 0;
  std::uint64_t expired_jobs = 0;
  std::uint64_t calls = 0;  ///< enqueue calls acknowledged by Redis
  std::uint64_t envelopes = 0;
  std::uint64_t duplicate_calls = 0;    ///< repeated after a lost reply and recognised by Redis
  std::uint64_t unconfirmed_calls = 0;  ///< stored, but not as `durability` asks; then repeated
  std::uint64_t lost_calls = 0;         ///< acknowledged once, missing later (see `on_loss`)
  std::uint64_t lost_jobs = 0;          ///< in those calls
  std::uint64_t reconnects = 0;
  std::uint64_t redis_commands = 0;
  std::uint64_t round_trips = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t bytes_in = 0;
};

/// What the last reply told about a queue; all zero before the first.
struct QueueHint {
  std::int64_t depth_jobs = 0;
  std::chrono::milliseconds oldest_age{0};
};

/// Hands jobs over to Redis.
///
/// A call returns once Redis has stored the job. Calls from many threads share round trips: what is
/// enqueued while a reply is under way leaves together with the next one, without waiting. A call
/// that is repeated after a lost reply stores nothing twice.
///
/// Errors: every function throws `Error`; `enqueue_all` and `Receipt::get` report per job instead.
/// Threads: all functions may be called from any thread, also while the process ends. After a fork
/// a client is of use in the process that made it; in the other one its functions throw `stopped`
/// with both process ids, and its destructor does nothing.
class Client {
 public:
  /// Connects lazily: a Redis that is away at first costs only time.
  ///
  /// Errors: `invalid_argument` for options out of range.
  explicit Client(ClientOptions options = {});

  /// Flushes for at most `block_timeout`, then fails what is left with `stopped` and says how many
  /// jobs were dropped (`on_failed`, `on_warning`).
  ~Client();

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// Stores one job and waits for Redis's word.
  template <Job T>
  JobId enqueue(const T& job, const EnqueueOptions& options = {}) {
    detail::LentBuffer packed;
    packed->add(job);
    return enqueue_packed(T::kind, (*packed)[0], options);
  }

  /// Stores one job without waiting for Redis; waits only for room in the local buffer.
  template <Job T>
  Receipt enqueue_async(const T& job, const EnqueueOptions& options = {}) {
    detail::LentBuffer packed;
    packed->add(job);
    return enqueue_packed_async(T::kind, (*packed)[0], options);
  }

  /// Stores many jobs of one kind; jobs fail one by one, never the call.
  ///
  /// Returns: one result per job, in order.
  /// Errors: `invalid_argument` for options out of range, before anything is stored.
  template <std::ranges::input_range R>
  requires Job<std::ranges::range_value_t<R>>
  [[nodiscard]] std::vector<EnqueueResult> enqueue_all(R&& jobs,
                                                       const EnqueueOptions& options = {}) {
    using T = std::ranges::range_value_t<R>;
    Bulk bulk{*this, T::kind, options};
    for (const auto& job : jobs) {
      bulk.packed.add(job);
      if (bulk.packed.size() >= bulk_jobs || bulk.packed.bytes() >= bulk_bytes) bulk.hand_over();
    }
    return std::move(bulk).finish();
  }

  /// The untyped form: `payload` is opaque to Ferry and must be what the kind's handler expects.
  JobId enqueue_packed(std::string_view kind, std::string_view payload,
                       const EnqueueOptions& options = {});
  Receipt enqueue_packed_async(std::string_view kind, std::string_view payload,
                               const EnqueueOptions& options = {});

  /// Waits until everything handed over before the call is settled with Redis.
  ///
  /// Errors: `unavailable` when that takes longer than `block_timeout`. The jobs' own errors are in
  /// their receipts.
  void flush();

  ClientStats stats() const;
  QueueHint hint(std::string_view queue) const;

 private:
  static constexpr std::size_t bulk_jobs = 1000;
  static constexpr std::size_t bulk_bytes = 256 * 1024;

  /// One `enqueue_all` under way.
  struct Bulk {
    Client& client;
    std::string_view kind;
    const EnqueueOptions& options;
    detail::PackedJobs packed{};
    std::vector<detail::ReceiptRun> runs{};

    void hand_over();
    std::vector<EnqueueResult> finish() &&;
  };

  std::unique_ptr<detail::Sender, detail::CloseSender> sender_;
};

}  // namespace ferry
