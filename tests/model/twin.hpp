#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/answer.hpp"

namespace ferry::model {

/// The id of a stream entry.
struct EntryId {
  std::int64_t ms = 0;
  std::int64_t count = 0;
  auto operator<=>(const EntryId&) const = default;
};

std::string text_of(const EntryId& id);
/// Returns: nothing unless it is `<digits>-<digits>`.
std::optional<EntryId> entry_id(std::string_view text);

struct Entry {
  std::string envelope;
  std::string marks;  ///< of an envelope that was released half done
};

struct Pending {
  std::string worker;
  int deliveries = 0;
};

/// A stream with its consumer group.
struct Stream {
  bool exists = false;
  bool has_group = false;
  std::map<EntryId, Entry> entries{};
  EntryId last{};       ///< the highest id ever given
  EntryId delivered{};  ///< what lies behind it waits
  std::map<EntryId, Pending> pending{};
  std::set<std::string> consumers{};

  /// Stores an entry as `XADD *` does: ids rise even when the clock falls.
  EntryId add(std::int64_t now, std::string envelope, std::string marks = {});
  const Pending* held_by(const std::string& worker, const EntryId& id) const;
  void remove(const EntryId& id);
};

/// Names by time, as a sorted set: earlier first, then by name.
struct Timetable {
  std::map<std::string, std::int64_t> at{};
  /// The first names, at most `most`, whose time is not after `until`.
  Words first(std::size_t most, std::int64_t until = INT64_MAX) const;
};

struct Producer {
  std::int64_t last = 0;
  std::int64_t seen = 0;
};

struct Counters {
  std::int64_t accepted = 0, done = 0, expired = 0, cancelled = 0, delayed = 0, dead = 0, bytes = 0;
  std::int64_t ready() const { return accepted - done - expired - cancelled - delayed - dead; }
  bool operator==(const Counters&) const = default;
};

/// What the library remembers between calls and may forget at any time.
struct Memory {
  struct Age {
    std::int64_t at = 0;
    std::optional<std::int64_t> oldest;
  };
  struct Aside {
    std::int64_t at = 0, oldest = 0;
  };
  struct Rate {
    std::int64_t at = 0, settled = 0;
    double pace = 0;
  };
  struct Watch {
    std::int64_t first = 0, last = 0, lease = 0;
  };
  struct Keeper {
    std::string name;
    std::int64_t at = 0, patience = 0;
  };
  /// Entries that are pending under a name that does not live.
  struct Holder {
    std::size_t digit = 0;
    std::string name;
    std::int64_t entries = 0;
  };
  std::optional<Age> age;
  std::optional<Aside> aside;
  std::optional<Rate> rate;
  std::optional<Watch> watch;
  std::optional<Keeper> keeper;
  std::vector<Holder> holders{};
  std::int64_t alive = 0;
  std::size_t looks = 0;
};

/// What core/src/functions/ must do: one queue in plain maps, moved by the same calls with the same
/// arguments. It is the specification; the library is compared with it, and the explorations of the
/// protocol run on it.
///
/// One member function for each of the library's, in a file named as the library's. Arguments are
/// those of the function (ARGV); the streams are always all three; where a function has one stream
/// among its keys, `digit` names it.
class Twin {
 public:
  /// Calls a function by its name in the library.
  Answer call(const std::string& function, std::size_t digit, const Words& args, std::int64_t now);

  Answer enqueue(const Words& args, std::int64_t now);
  /// The whole transaction of `ferry_v1_open`: its seven arguments, then the envelopes.
  Answer open(std::size_t digit, const Words& args, std::int64_t now);

  Answer enroll(const Words& args, std::int64_t now);  ///< `register` is a word of C++
  Answer renew(const Words& args, std::int64_t now);
  Answer leave(const Words& args);
  Answer reclaim(const Words& args, std::int64_t now);
  Answer start(const Words& args);
  /// XREADGROUP on one stream. ARGV: worker, entries at most.
  Answer fetch(std::size_t digit, const Words& args);

  Answer finish(std::size_t digit, const Words& args);
  Answer done(std::size_t digit, const Words& args);
  Answer settle(std::size_t digit, const Words& args, std::int64_t now);
  Answer bury(std::size_t digit, const Words& args, std::int64_t now);
  Answer release(std::size_t digit, const Words& args, std::int64_t now);
  Answer put_off(std::size_t digit, const Words& args);

  Answer beat(const Words& args, std::int64_t now);
  Answer look(const Words& args, std::int64_t now);
  Answer claim(std::size_t digit, const Words& args);
  Answer set_aside(std::size_t digit, const Words& args);
  Answer hint(const Words& args);
  Answer part(std::size_t digit, const Words& args, std::int64_t now);
  Answer dead_split(const Words& args);

  Answer promote(const Words& args, std::int64_t now);
  /// The whole transaction of `ferry_v1_due_open`. ARGV: those four, then the bytes to store.
  Answer due_move(std::size_t digit, const Words& args, std::int64_t now);
  Answer expire_producers(const Words& args, std::int64_t now);
  Answer dead_retry(const Words& args, std::int64_t now);
  Answer dead_drop(const Words& args);

  Answer counts(std::int64_t now) const;
  Answer count_range(std::size_t digit, const Words& args) const;
  Answer count_parked(const Timetable& names, const Words& args) const;
  Answer pause(const Words& args);
  Answer purge(const Words& args);

  Answer books(const Words& args, std::int64_t now) const;
  Answer weigh_slice(std::size_t digit, const Words& args) const;  ///< `weigh` in the library
  Answer weigh_parked(const Timetable& names, const Words& args) const;
  Answer remove(const Words& args);
  Answer forget(const Words& args, std::int64_t now);
  /// The whole transaction of `ferry_v1_dead_open`: its four arguments, then the envelope.
  Answer dead_open(std::size_t digit, const Words& args, std::int64_t now);

  /// Everything that is stored, a line for each thing, sorted.
  Words snapshot() const;

  Counters counters;
  bool paused = false;
  std::map<std::string, Producer> producers;
  std::map<std::string, std::int64_t> workers;  ///< last heartbeat
  std::map<std::string, std::string> progress;  ///< "<digit>:<entry id>" -> a mark for each job
  Timetable due;
  Timetable dead;
  std::map<std::string, std::string> parked;  ///< bytes of what is in `due` and `dead`
  std::array<Stream, 3> streams;
  Memory memory;
  std::string hints;  ///< what producers are told about envelopes
  bool has_hints = false;

 private:
  struct Load {
    std::int64_t jobs = 0, bytes = 0, delayed = 0;
  };
  std::optional<Load> weigh(const Words& args) const;
  std::optional<Answer> refusal(const Words& args, const std::optional<Load>& load,
                                std::int64_t now);
  void record(const Words& args, const Load& load, std::int64_t now);
  std::int64_t oldest_age(std::int64_t now);
  Answer with_hints(Answer reply) const;
  /// What is set aside makes a queue older than what waits.
  std::optional<std::int64_t> oldest_of(std::optional<std::int64_t> waiting,
                                        std::int64_t now) const;
  std::int64_t retry_after(std::int64_t bound, std::int64_t now);

  Memory::Watch note_life(std::int64_t now, std::optional<std::int64_t> lease);
  bool keeps(const std::string& worker, bool wants, std::int64_t now, std::int64_t lease);
  void tell_of(std::size_t digit, const std::string& holder, std::optional<std::int64_t> more);
  /// Returns: nothing when the caller is not one of the living.
  std::optional<Words> strike(const std::string& worker, std::int64_t now, std::int64_t lease);

  bool park(Timetable& names, std::int64_t at, const std::string& name,
            const std::string& envelope);
  std::int64_t open_jobs(std::size_t digit, const EntryId& id) const;
};

// --- What the functions read in an envelope, and how they name things (library.lua) ---

/// What a call may tell (library.lua).
inline constexpr std::int64_t exact = std::int64_t{1} << 53;  ///< from here on Lua rounds
namespace most {
inline constexpr std::int64_t jobs = 1000;               ///< in an envelope
inline constexpr std::int64_t bytes = 16 * 1024 * 1024;  ///< of an envelope
inline constexpr std::int64_t envelopes = 1000;          ///< in a call of a producer
inline constexpr std::int64_t delay_ms = 366LL * 24 * 3'600'000;
inline constexpr std::int64_t lease_ms = 24 * 3'600'000;
}  // namespace most

/// Returns: the number that a text of digits is, if it lies within the bounds.
std::optional<std::int64_t> whole(const std::string& text, std::int64_t least = 0,
                                  std::int64_t most = exact - 1);
/// Whether it has the form of a name under which an envelope is parked.
bool is_name(const std::string& name);
/// Returns: the number of jobs, or nothing when the bytes are no envelope.
std::optional<std::int64_t> jobs_in(const std::string& envelope);
std::string first_id(const std::string& envelope);
std::string with_head(const std::string& envelope, std::int64_t jobs, const std::string& id);
/// The name under which an envelope is parked.
std::string name_of(std::size_t digit, const std::string& envelope);
std::string field_of(std::size_t digit, const EntryId& id);
std::string bundle(const Words& envelopes, std::int64_t jobs);
std::string big_endian(std::int64_t value, int bytes);

/// An envelope whose jobs are all done.
struct Whole {
  std::string id;
  std::int64_t jobs = 0;
  std::int64_t bytes = 0;
};
Words arguments_of_finish(const std::string& worker, const std::vector<Whole>& envelopes);
/// Server time at which the oldest job that no worker has yet was stored.
std::optional<std::int64_t> oldest_waiting(const Stream& stream);

}  // namespace ferry::model
