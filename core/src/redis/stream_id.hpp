#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ferry::redis {

/// Returns: nothing when the text is not a number from 0 on without a sign, or too large.
std::optional<std::uint64_t> whole_number(std::string_view text);

/// The id of an entry in a stream, in the order of the stream.
///
/// Source: https://redis.io/docs/latest/develop/data-types/streams/#entry-ids
struct StreamId {
  std::uint64_t ms = 0;  ///< since 1970, by Redis's clock
  std::uint64_t sequence = 0;

  auto operator<=>(const StreamId&) const = default;

  /// Returns: nothing when the text is not two numbers with a dash between them.
  static std::optional<StreamId> parse(std::string_view text);
  std::string text() const;
  /// Appends the text.
  void write(std::string& to) const;
};

struct StreamIdHash {
  std::size_t operator()(const StreamId& id) const {
    return std::hash<std::uint64_t>{}(id.ms * 0x9e3779b97f4a7c15ULL + id.sequence);
  }
};

}  // namespace ferry::redis
