#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "batching/credits.hpp"
#include "batching/flight_limit.hpp"
#include "stages/envelope_pool.hpp"
#include "stages/leased_envelope.hpp"

namespace ferry::detail {

/// Everything this worker holds leases of, and the credits that bound it.
///
/// Credits are taken when an envelope is added and given back when Redis has acknowledged its end;
/// out + free is constant.
///
/// Threads: any.
class InFlight {
 public:
  InFlight(std::size_t max_jobs, std::size_t max_bytes, FlightLimit limit);

  /// What the batch stage says of the jobs it has.
  struct Flow {
    /// Jobs that wait for company, or for a runner of a kind that has none of its own free: they
    /// keep nobody busy, so that others are fetched as if they were not there.
    std::size_t not_in_hand = 0;
    bool may_fetch = true;           ///< a job that is fetched now could begin soon
    bool may_fetch_ahead = true;     ///< and so could those of one fetch more
    bool is_ahead = false;           ///< others may fetch first, see `gives_way`
    std::size_t at_once = SIZE_MAX;  ///< jobs of a fetch, at most
  };
  void set_flow(Flow flow);

  /// Jobs whose outcomes Redis refuses to take for their queue: they keep nobody busy either.
  void set_refused(std::size_t jobs);

  /// While entries that are leased already wait to be read, nothing new is fetched.
  void set_claims_wait(bool wait);

  /// Waits until enough credits for a fetch are free (see FlightLimit::worth_a_fetch), `close` was
  /// called or `until` has come.
  ///
  /// Returns: how many more jobs may be taken now; 0 = none.
  std::size_t wait_for_credit(std::chrono::steady_clock::time_point until);

  /// Returns: how many more jobs may be taken now, before those that have just come are looked at,
  /// when that is worth a fetch; else 0.
  std::size_t credit_now();

  /// Takes in what is new, and its credits. An entry that is held already, under the same of our
  /// names, is the same lease: after a failover the new server may not know of the first delivery
  /// and deliver it again.
  ///
  /// Returns: those that are new.
  std::vector<EnvelopePtr> add(std::vector<EnvelopePtr> envelopes);

  /// Returns: so many envelopes to fill, made anew or of those that have ended.
  std::vector<EnvelopePtr> blank(std::size_t envelopes) { return pool_.take(envelopes); }

  /// Whether something has ended that was delivered again meanwhile: the second lease may have come
  /// after the outcomes were told, and then nobody works on it.
  bool take_delivered_again();

  /// What Redis has acknowledged of an envelope.
  struct Acknowledged {
    const LeasedEnvelope* envelope = nullptr;
    std::size_t jobs_settled = 0;
    /// Of one that goes on, the jobs that are settled or have left; 0 = it has ended.
    std::size_t jobs_gone = 0;
  };
  /// Gives the credits back.
  void remove(std::span<const Acknowledged> ended, std::chrono::steady_clock::time_point now);

  /// Waits until nothing is held or `until` has come.
  ///
  /// Returns: whether nothing is held.
  bool wait_until_empty(std::chrono::steady_clock::time_point until);

  /// Makes `wait_for_credit` return at once, for good.
  void close();

  std::vector<EnvelopePtr> all() const;
  /// Returns: for each of so many queues, whether anything of it is held.
  std::vector<bool> queues_held(std::size_t queues) const;

  struct Books {
    std::int64_t jobs_free;
    std::int64_t jobs_out;
    std::int64_t jobs_total;
  };
  Books books() const;

  bool any_free() const;
  std::size_t free_jobs() const;
  std::size_t free_bytes() const;
  /// Returns: how many jobs of the size of those that are held fit in here, at least 1.
  std::size_t capacity() const;

 private:
  std::int64_t room(std::chrono::steady_clock::time_point now);
  std::size_t at_most_at_once(std::int64_t room) const;
  bool worth_a_fetch(std::chrono::steady_clock::time_point now);
  /// Returns: until when others may fetch first; the past where they need not.
  std::chrono::steady_clock::time_point gives_way_until() const;

  struct Held {
    EnvelopePtr envelope;
    bool delivered_again = false;
  };

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  using HeldByKey = std::unordered_map<LeaseKey, Held, LeaseKeyHash>;
  HeldByKey held_;
  std::vector<HeldByKey::node_type> spare_;  ///< nodes of the map, to use again
  EnvelopePool pool_;
  bool delivered_again_ = false;
  Credits credits_;
  FlightLimit limit_;
  Flow flow_;
  std::chrono::steady_clock::time_point added_at_;  ///< what came last
  std::size_t refused_ = 0;
  bool claims_wait_ = false;
  bool closed_ = false;
};

}  // namespace ferry::detail
