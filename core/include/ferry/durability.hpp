#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ferry {

/// How safe a job must be before the client says that it is stored.
///
/// What an accepted job can still be lost by, where Redis keeps an append-only file and syncs it
/// each second (with none, whatever comes back by itself has lost all since its last snapshot):
///
/// `fast()`: the process is killed: nothing. Its machine loses power: the last second or two. A
/// replica takes over: what had not reached it, mostly less than a millisecond, but without bound
/// while it was cut off.
///
/// `replicated(n)`: the process is killed: nothing. Power: nothing if a replica takes over; if the
/// primary comes back first, the last second or two as above. A replica takes over: nothing if it
/// is one of the `n`. Sentinel promotes the one that has received most, by what it knew some
/// seconds ago; with `n` = all replicas it cannot choose wrongly.
///
/// `synced()`: the process is killed, or power: nothing. A replica takes over: as `fast()`.
///
/// A primary that is cut off does not know that it was replaced and goes on accepting: with
/// `replicated(n)` nothing is confirmed there; for the others set `min-replicas-to-write 1` in
/// redis.conf. What was lost is told afterwards (`ClientOptions::on_loss`).
///
/// A level is its client's, for all queues: who needs two levels makes two clients.
///
/// Source: https://redis.io/docs/latest/commands/wait/ and …/waitaof/
struct Durability {
  enum class Level : std::uint8_t { fast, replicated, synced };

  Level level = Level::fast;
  /// 1..100; of `replicated` only.
  int replicas = 0;

  /// Redis has the job in its memory. Costs nothing beyond the call itself.
  static Durability fast() { return {}; }
  /// `replicas` replicas have it in their memory too. Costs a `WAIT` for each write to the socket,
  /// however many jobs go with it, and the time that replicas take to acknowledge.
  static Durability replicated(int replicas) { return {Level::replicated, replicas}; }
  /// It is on the disk of the primary. Costs a `WAITAOF` likewise. Needs Redis 7.2 or later with
  /// its append-only file on; with an older one, set `appendfsync always` there and use `fast()`,
  /// which then promises the same.
  static Durability synced() { return {Level::synced, 0}; }

  /// Returns: as in `fast`, `replicated(2)`, `synced`.
  std::string to_string() const;

  /// Reads what `to_string` writes, and `replicated:2`, which needs no quotes in a shell.
  ///
  /// Errors: `invalid_argument` with what was expected.
  static Durability parse(std::string_view text);

  /// Errors: `invalid_argument` with the field and the value.
  void validate() const;

  bool operator==(const Durability&) const = default;
};

}  // namespace ferry
