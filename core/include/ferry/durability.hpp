#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ferry {

/// How safe a job must be before the client says that it is stored.
///
/// What an accepted job can still be lost by, with Redis as it is set up most often (append-only
/// file, fsync every second; Sentinel):
///
/// | | Redis is killed | its machine loses power | a replica takes over |
/// |---|---|---|---|
/// | `fast()` | nothing | the last second or two | what had not reached the replica: usually less
/// than a millisecond, without bound while they are cut off | | `replicated(n)` | nothing | nothing
/// that a replica still has, once that one has taken over | nothing, when the replica that takes
/// over is one of the `n` that have it | | `synced()` | nothing | nothing | as `fast()` |
///
/// Without an append-only file, a Redis that is killed and comes back by itself has lost everything
/// since its last snapshot, whatever the level: then only a replica that takes over saves the jobs.
/// Sentinel promotes the replica that has received most. With `n` = the number of all replicas the
/// promise needs no more than that; with fewer it also needs Sentinel to know who that is, which is
/// some seconds old knowledge.
///
/// A primary that is cut off from the others does not know that it was replaced and goes on
/// accepting. `replicated(n)` refuses to confirm there; for `fast()` set `min-replicas-to-write 1`
/// in redis.conf. What was lost is told afterwards (`ClientOptions::on_loss`).
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
