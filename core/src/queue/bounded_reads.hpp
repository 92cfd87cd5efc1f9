#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "functions/keys.hpp"
#include "functions/queue_calls.hpp"
#include "functions/slice.hpp"
#include "redis/connection.hpp"
#include "redis/stream_id.hpp"

// How an operator's functions read what a queue holds: about a megabyte or one envelope at a time,
// and no more of it in memory.

namespace ferry::detail {

/// Like `Connection::call`; an error names the key.
redis::ReplyPtr call_on(redis::Connection& connection, const std::string& key,
                        std::span<const std::string_view> words);
redis::ReplyPtr call_on(redis::Connection& connection, const std::string& key,
                        std::initializer_list<std::string_view> words);

struct StreamEntry {
  redis::StreamId id;
  std::string bytes;
};

/// Reads a range of a stream from its beginning to its end.
///
/// Threads: one thread at a time.
class StreamReader {
 public:
  /// `from` and `to` are those of XRANGE, `mean_bytes` those of an envelope by the books.
  StreamReader(redis::Connection& connection, const Keys& keys, std::size_t priority,
               std::string from, std::string to, std::int64_t mean_bytes);

  /// Returns: what the next entries hold; nothing at the end. `lists` asks for them one by one.
  std::optional<WeighedSlice> weigh(bool lists = false);
  /// Returns: the next entries; none at the end.
  std::vector<StreamEntry> read();

 private:
  redis::ReplyPtr read_range(const std::string& to, std::size_t most);
  std::vector<StreamEntry> read_range_whole(const std::string& to, std::size_t most);
  std::optional<WeighedSlice> weigh_alone();
  void go_behind(std::string_view id);

  redis::Connection& connection_;
  const Keys& keys_;
  std::size_t priority_;
  std::string from_;
  std::string to_;
  StreamPace pace_;
  bool ended_ = false;
};

/// Returns: jobs of an entry that are not settled, by its envelope and its marks in `progress`.
std::int64_t open_jobs(std::string_view envelope, std::string_view marks);

/// Returns: the bytes of each of these in `parked`; 0 = it is not there.
std::vector<std::int64_t> parked_sizes(redis::Connection& connection, const Keys& keys,
                                       std::span<const std::string> names);

/// Calls `take` with the place among the names and the bytes of each that is there, in order, until
/// it returns false.
void read_parked(redis::Connection& connection, const Keys& keys,
                 std::span<const std::string> names, std::span<const std::int64_t> sizes,
                 const std::function<bool(std::size_t, std::string_view)>& take);

/// Returns: jobs by the head; 0 where there is none.
std::int64_t jobs_in(std::string_view envelope);

}  // namespace ferry::detail
