#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "wire/envelope.hpp"

namespace ferry::revisions {

/// What a recording leaves open: ids, names, sizes and times of the run in which it is played.
///
/// A word of a recording is text, or `x:` and hex digits. Both may hold, in angle brackets: a name
/// (`worker:1`, `producer:1`), a stream entry that was fetched or seen (`entry:1`, and of it
/// `jobs:1`, `bytes:1`, `jobs16:1`, `bytes32:1`, sums as `jobs:1+2`), the id of a job by the scene
/// that enqueued it (`id:six.1+3`, or `hex:six.1+3` in text: the fourth job of the first envelope),
/// a time ahead (`ms:86400000`), what `counts` told last (`now`, `delivered:1`), `lease`, `long
/// lease`, `delay`, or a byte that repeats (`78*100`).
class Names {
 public:
  /// Entries and producers are counted from 1 in each scene; a worker outlives its scene.
  void begin_scene();
  void see_entry(std::string_view id, std::string_view envelope);
  void see_counts(std::string_view server_ms, std::size_t priority, std::string_view delivered);
  /// The first id of an envelope, by the scene and the place in it, as in `six.1`.
  void know_id(const std::string& envelope, const JobId& first);

  /// Returns: the bytes to send; nothing when the word names an entry or counts not seen yet.
  /// Errors: `std::invalid_argument` for a name that is none.
  std::optional<std::string> bytes_of(std::string_view word);

 private:
  struct Entry {
    std::string id;
    std::size_t bytes = 0;
    std::size_t jobs = 0;
  };

  std::optional<std::string> value_of(std::string_view name);
  std::optional<std::string> entry_value(std::string_view kind, std::string_view numbers);
  std::string id_of(std::string_view place);

  std::map<std::size_t, Entry> entries_;
  std::map<std::string, std::string, std::less<>> producers_;
  std::map<std::string, JobId, std::less<>> ids_;
  std::map<std::string, std::string, std::less<>> told_;
  wire::JobIdSource source_;
};

/// Units: ms. Short enough for a test, long enough for a worker on a busy machine to renew in.
inline constexpr int played_lease_ms = 300;
inline constexpr int played_delay_ms = 20;
/// Of calls that found nobody silent: so they do not here either, however busy the machine is.
inline constexpr int played_long_lease_ms = 60'000;

}  // namespace ferry::revisions
