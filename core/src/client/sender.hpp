#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "client/buffer_room.hpp"
#include "client/channel.hpp"
#include "client/confirmation.hpp"
#include "client/failure_book.hpp"
#include "client/flight.hpp"
#include "client/sealer.hpp"
#include "ferry/client.hpp"
#include "home_process.hpp"
#include "redis/backoff.hpp"
#include "redis/connection.hpp"
#include "wire/envelope.hpp"

namespace ferry::detail {

/// The client without its templates: takes jobs in, groups them, sends them, settles them.
///
///   callers ─> channel (one per queue): flight … flight, open flight
///                          │ the oldest of each ready channel
///                          v
///              round: send what is ready, read the oldest reply ─> settle, or try again
///
/// One thread at a time is the leader: it alone holds the connection. A caller that finds it idle
/// leads one round with its own job, so a lone enqueue costs no change of threads; afterwards it
/// hands over to a caller that waits for the next flight, or to the sending thread, which also
/// serves everything nobody waits for: async jobs, linger, retries, reconnects.
///
/// Threads: all functions from any thread.
class Sender {
 public:
  explicit Sender(ClientOptions options);
  /// Sends for at most `block_timeout` what was handed over, then fails the rest with `stopped`.
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  enum class Wake : std::uint8_t {
    now,    ///< nobody waits: the sending thread must take care
    later,  ///< the caller will `await` the last receipt
  };

  /// Takes one job in; waits for room in the local buffer if the policy says so.
  ///
  /// Errors: `invalid_argument`, `stopped`. What befalls the job alone is in its receipt.
  Receipt put(std::string_view kind, std::string_view payload, const EnqueueOptions& options);
  /// Takes one job in and waits until Redis has answered.
  Receipt store(std::string_view kind, std::string_view payload, const EnqueueOptions& options);
  void put_all(std::string_view kind, const PackedJobs& jobs, const EnqueueOptions& options,
               Wake wake, std::vector<ReceiptRun>& runs);

  /// Waits until the flight is settled; sends it from this thread when nobody is sending.
  void await(Flight& flight);

  /// Whether this is another process than the one that made it; then nothing of it may be used.
  bool is_left() const { return home_.is_left(); }

  void flush();
  ClientStats stats() const;
  QueueHint hint(std::string_view queue) const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Order;

  // sender_put.cpp: taking jobs in
  Order order_of(std::string_view kind, const EnqueueOptions& options) const;
  template <typename Act>
  Receipt with_job(Order& order, std::string_view payload, Act act);
  Receipt put_locked(Lock& lock, Order& order, const IncomingJob& job);
  SharedError obstacle(Lock& lock, Order& order, std::size_t payload_bytes);
  JobId load(Flight& flight, const Order& order, const IncomingJob& job);
  static std::shared_ptr<Flight> refused(SharedError error);
  SharedError make_room(Lock& lock, Order& order, std::size_t bytes);
  bool wait_for_room(Lock& lock, const Order& order, std::size_t bytes);
  bool has_room(std::string_view queue, std::size_t bytes) const;
  const Channel* find_channel(std::string_view queue) const;
  bool shed_oldest(bool of_held_back);
  void hold(Flight& flight, Held more);
  void let_go(Flight& flight, Held less);
  void set_held_back(Channel& channel, bool held_back);
  static bool may_touch(const std::shared_ptr<Flight>& flight);
  void drop_expired_buffered();
  Clock::time_point next_buffered_expiry() const;
  Channel& channel_of(std::string_view queue);
  const std::shared_ptr<Flight>& open_flight(Channel& channel, Order& order,
                                             std::size_t payload_bytes);

  // sender.cpp: who leads, and when
  void await_locked(Lock& lock, Flight& flight);
  void set_active(Channel& channel);
  void set_idle(Channel& channel);
  void serve();
  static const std::shared_ptr<Flight>* next_to_leave(const Channel& channel);
  Clock::time_point wake_time(const Channel& channel) const;
  bool is_ready(const Channel& channel, Clock::time_point now) const {
    return wake_time(channel) <= now;
  }
  void pick(Clock::time_point now);
  void lead_round(Lock& lock);
  void hand_over();
  std::vector<std::shared_ptr<Flight>> hurry_all();
  void wake();
  void leader_has_lock();
  void let_leader_go_first() const;

  // sender_round.cpp: one round, and what follows from it
  std::size_t travel();
  bool send_new();
  void connect();
  std::size_t lose_from(std::size_t first, const Error& error, Leg::Fate unsent);
  void prepare(Leg& leg);
  void send(Leg& leg);
  std::size_t receive_oldest();
  void read_reply(Leg& leg);
  void decide(Leg& leg);
  void apply(Leg& leg);
  void apply_reply(Leg& leg);
  void apply_stored(Leg& leg, bool before);
  void apply_unconfirmed(Leg& leg);
  void apply_full(Leg& leg);
  void apply_refusal(Leg& leg);
  void try_later(Leg& leg, Clock::duration pause);

  // sender_losses.cpp: what Redis had acknowledged and has lost
  struct Probe;
  void check_sequences();
  std::vector<Probe> make_probes();
  void note_loss(Channel& channel, const ProducerSequence::Decision& decision);
  void report_losses();
  void count_losses();

  // sender_failures.cpp: what is told of jobs that were not accepted
  /// Marks the calling thread while it is in a callback.
  class CallingBack {
   public:
    explicit CallingBack(const Sender* sender);
    ~CallingBack();
    CallingBack(const CallingBack&) = delete;
    CallingBack& operator=(const CallingBack&) = delete;

   private:
    const Sender* before_;
  };
  void take_out(Flight& flight, const std::vector<Cargo::Named>& jobs, const SharedError& error);
  void expire(Flight& flight, const std::vector<Cargo::Named>& jobs);
  void refuse_oversized(Flight& flight, const std::vector<Cargo::Named>& jobs);
  void fail(Channel& channel, const std::shared_ptr<Flight>& flight, SharedError error);
  static void give_up(Channel& channel, Flight& flight);
  void depart(Channel& channel, const std::shared_ptr<Flight>& flight, SharedError error);
  static SharedError cut_off_error(const Channel& channel, const Flight& flight);
  SharedError give_up_error(const Channel& channel, const Flight& flight) const;
  void require_home() const;
  void require_usable() const;
  void note_failed(const std::string& queue, std::size_t jobs, const SharedError& error);
  void tell(Lock& lock, bool closing = false);
  void tell(const FailureBook::News& news) const;

  static CargoLimits cargo_limits_of(const ClientOptions& options);
  static RedisOptions redis_options_of(const ClientOptions& options);
  static std::chrono::milliseconds confirmation_time_of(const ClientOptions& options);

  const HomeProcess home_;
  const ClientOptions options_;
  Sealer sealer_;
  const CargoLimits cargo_limits_;
  const BufferRoom buffer_;

  mutable std::mutex mutex_;
  std::condition_variable work_;  ///< the sending thread waits here
  std::condition_variable room_;  ///< callers wait here for the local buffer
  bool busy_ = false;             ///< somebody leads
  /// 1 while whoever leads, or was woken to lead, wants the mutex: a bulk lets it go first.
  std::atomic<std::uint32_t> leader_waits_{0};
  bool closing_ = false;
  bool stop_ = false;
  int room_waiters_ = 0;
  Held held_;
  Held held_back_;  ///< of that, what is for queues that are held back
  std::map<std::string, std::unique_ptr<Channel>, std::less<>> channels_;
  Channel* last_channel_ = nullptr;
  std::vector<Channel*> active_;   ///< those with flights: what is idle costs nothing
  std::size_t first_channel_ = 0;  ///< where the next round begins to look
  wire::JobIdSource ids_;
  SpareMemory spare_;
  ClientStats stats_;
  FailureBook failures_;
  bool telling_ = false;  ///< a thread is in the callbacks
  Clock::time_point reconnect_at_{};
  redis::ReconnectBackoff reconnects_;
  std::mt19937_64 random_{std::random_device{}()};

  // The leader's own.
  redis::Connection connection_;
  bool library_ready_ = false;
  bool may_transact_ = false;
  bool sequences_checked_ = true;  ///< false: Redis may have lost what it acknowledged
  const Confirmation confirmation_;
  std::vector<Loss> losses_;  ///< found in this round
  std::deque<Leg> legs_;      ///< calls under way, the oldest first; behind them those to be sent
  std::vector<OutgoingEnvelope> envelopes_;
  std::string queues_key_;

  std::thread thread_;
};

}  // namespace ferry::detail
