#include "functions/replies.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "one_line.hpp"
#include "redis/stream_id.hpp"
#include "wire/limits.hpp"

namespace ferry {
namespace {

using redis::Reply;
using Type = Reply::Type;

bool is_word(const Reply& reply) { return reply.type == Type::text || reply.type == Type::status; }

bool is_integer(const Reply& reply) { return reply.type == Type::integer; }

/// As `is_name` in library.lua.
bool is_parked_name(std::string_view name) {
  return name.size() == 34 && name[0] >= '0' && name[0] <= '2' && name[1] == ':' &&
         name.find_first_not_of("0123456789abcdef", 2) == name.npos;
}

std::string_view type_of(const Reply& reply) {
  switch (reply.type) {
    case Type::nil:
      return "nothing";
    case Type::integer:
      return "a number";
    case Type::text:
    case Type::status:
      return "a text";
    case Type::error:
      return "an error";
    case Type::array:
      break;
  }
  return "a list of another shape";
}

}  // namespace

std::string_view word_of(const Reply& reply) {
  if (is_word(reply)) return reply.text;
  const bool worded = reply.type == Type::array && reply.size > 0 && is_word(reply[0]);
  return worded ? reply[0].text : std::string_view{};
}

Error unknown_reply(std::string_view function, const Reply& reply) {
  constexpr std::size_t most = 32;
  const std::string_view word = word_of(reply);
  const std::string what = word.empty() || word == "OK" ? std::string(type_of(reply))
                                                        : "\"" + one_line(word, most) + "\"";
  return {ErrorCode::internal,
          std::string(function) + " answered " + what +
              ", which this program does not know: either this Redis has Ferry's functions of a "
              "later version, then update this program, or they are not Ferry's (`ferry doctor`)"};
}

std::int64_t bounded(const Reply& integer, std::int64_t least, std::int64_t most) {
  return std::clamp(integer.integer, least, most);
}

std::uint64_t ms_of_score(std::string_view text) {
  double score = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), score);
  if (problem == std::errc::result_out_of_range) {
    // Too large or too small for a double; Redis itself writes neither.
    return text.starts_with('-') || text.find("e-") != text.npos ? 0 : wire::max_time_ms;
  }
  if (problem != std::errc{} || !(score > 0)) return 0;
  return static_cast<std::uint64_t>(std::min(score, static_cast<double>(wire::max_time_ms)));
}

LeaseReply read_lease_reply(std::string_view function, const Reply& reply) {
  const std::string_view word = word_of(reply);
  if (word == "STALE") return {.stale = true, .paused = false};
  if (word != "OK" || reply.type != Type::array || reply.size < 2 || !is_integer(reply[1])) {
    throw unknown_reply(function, reply);
  }
  return {.stale = false, .paused = reply[1].integer != 0};
}

std::optional<SettleWord> read_settle_word(const Reply& reply) {
  const std::string_view word = word_of(reply);
  if (word == "OK") return SettleWord::ok;
  if (word == "STALE") return SettleWord::stale;
  if (word == "GONE") return SettleWord::gone;
  return std::nullopt;
}

PromoteReply read_promote_reply(const Reply& reply) {
  const bool shaped =
      reply.type == Type::array && reply.size >= 2 && is_integer(reply[0]) && is_integer(reply[1]);
  if (!shaped) throw unknown_reply("ferry_v1_promote", reply);
  PromoteReply promoted;
  promoted.jobs = static_cast<std::uint64_t>(bounded(reply[0], 0, largest_told_count));
  promoted.next_due = std::chrono::milliseconds{bounded(reply[1], -1, longest_told_time.count())};
  if (reply.size >= 4 && is_parked_name(reply[2].text) && is_integer(reply[3])) {
    promoted.large = reply[2].text;
    promoted.large_bytes = bounded(reply[3], 0, largest_told_count);
  }
  return promoted;
}

ExpireReply read_expire_reply(const Reply& reply) {
  const bool shaped = reply.type == Type::array && reply.size >= 2 && is_word(reply[0]) &&
                      redis::whole_number(reply[0].text) && is_integer(reply[1]);
  if (!shaped) throw unknown_reply("ferry_v1_expire_producers", reply);
  return {reply[0].text, static_cast<std::size_t>(bounded(reply[1], 0, largest_told_count))};
}

}  // namespace ferry
