#include "functions/queue_calls.hpp"

#include <algorithm>
#include <cctype>
#include <random>
#include <tuple>

#include "ferry/error.hpp"
#include "functions/refusal.hpp"
#include "functions/replies.hpp"
#include "functions/slice.hpp"
#include "one_line.hpp"
#include "redis/errors.hpp"

namespace ferry {
namespace {

using redis::Reply;
using Type = Reply::Type;

/// Returns: a number with which sums and conversions do not overflow.
std::int64_t integer_of(const Reply& reply, std::string_view function) {
  if (reply.type != Type::integer) throw unknown_reply(function, reply);
  return bounded(reply, -largest_told_count, largest_told_count);
}

/// Makes sure of an array of so many elements, or more.
const Reply& array_of(const Reply& reply, std::size_t least, std::string_view function) {
  if (reply.type != Type::array || reply.size < least) throw unknown_reply(function, reply);
  return reply;
}

void append_as(std::string_view verb, redis::Connection& connection, std::string_view function,
               std::span<const std::string_view> keys,
               std::span<const std::string_view> arguments) {
  const std::string key_count = std::to_string(keys.size());
  std::vector<std::string_view> command{verb, function, key_count};
  command.insert(command.end(), keys.begin(), keys.end());
  command.insert(command.end(), arguments.begin(), arguments.end());
  connection.connect();
  connection.append(command);
}

const Reply& checked(const Reply& reply, std::string_view function) {
  if (reply.is_error()) throw refusal_of(function, reply.text);
  return reply;
}

redis::ReplyPtr checked(redis::ReplyPtr reply, std::string_view function) {
  checked(reply->root(), function);
  return reply;
}

redis::ReplyPtr call(redis::Connection& connection, std::string_view function,
                     std::span<const std::string_view> keys,
                     std::span<const std::string_view> arguments) {
  append_as("FCALL", connection, function, keys, arguments);
  return checked(connection.read(), function);
}

// A user that may only read calls with FCALL_RO: FCALL asks for the right to write to the keys.
constexpr std::string_view books_function = "ferry_v1_books";
constexpr std::string_view weigh_function = "ferry_v1_weigh";
constexpr std::string_view weigh_parked_function = "ferry_v1_weigh_parked";

void read_list(const Reply& list, std::string_view function, std::vector<SeenEnvelope>& to) {
  array_of(list, 0, function);
  for (std::size_t i = 0; i + 2 < list.size; i += 3) {
    to.push_back({std::string(list[i].text), integer_of(list[i + 1], function),
                  integer_of(list[i + 2], function)});
  }
}

}  // namespace

Error error_about(const WrongKey& wrong) {
  // Redis's own words begin with a code in capitals; ours are about a counter.
  const bool is_counter = !wrong.words.empty() && std::islower(wrong.words.front()) != 0;
  const Error error =
      is_counter ? Error(ErrorCode::corrupt, one_line(wrong.words) +
                                                 "; set it right by hand, an audit tells how much "
                                                 "is there")
                 : redis::error_of(wrong.words);
  return Error(error.code(), "key " + wrong.key + ": " + error.what());
}

bool BooksReply::same_books(const BooksReply& other) const {
  const auto books = [](const BooksReply& c) {
    return std::tie(c.accepted, c.done, c.expired, c.cancelled, c.delayed, c.dead, c.bytes,
                    c.envelopes, c.leased_envelopes, c.last_delivered);
  };
  return books(*this) == books(other);
}

std::int64_t BooksReply::mean_bytes() const {
  const std::int64_t stored = envelopes + due_entries;
  return stored > 0 ? std::max<std::int64_t>(0, bytes / stored) : 0;
}

bool BooksReply::has_wrong(const std::string& key) const {
  return std::ranges::any_of(wrong_keys, [&](const WrongKey& wrong) { return wrong.key == key; });
}

void append_books(redis::Connection& connection, const Keys& keys) {
  const std::string_view names[] = {keys.state,    keys.workers, keys.progress, keys.due,
                                    keys.parked,   keys.dead,    keys.ready[0], keys.ready[1],
                                    keys.ready[2], keys.control, keys.producers};
  // Where the mean is small, one that is not is rare.
  const std::string most_bytes = std::to_string(slice_bytes / 4);
  const std::string_view arguments[] = {most_bytes};
  append_as("FCALL_RO", connection, books_function, names, arguments);
}

BooksReply read_books(const redis::ReplyPtr& answer) { return read_books(answer->root()); }

BooksReply read_books(const Reply& answer) {
  const Reply& reply = array_of(checked(answer, books_function), 19, books_function);
  BooksReply books;
  std::int64_t* const fields[] = {&books.accepted,      &books.done,
                                  &books.expired,       &books.cancelled,
                                  &books.delayed,       &books.dead,
                                  &books.bytes,         &books.ready,
                                  &books.envelopes,     &books.leased_envelopes,
                                  &books.due_entries,   &books.parked_entries,
                                  &books.dead_entries,  &books.workers,
                                  &books.oldest_age_ms, &books.paused,
                                  &books.server_time_ms};
  for (std::size_t i = 0; i < std::size(fields); ++i) {
    *fields[i] = integer_of(reply[i], books_function);
  }
  const Reply& last = array_of(reply[17], priority_count, books_function);
  for (std::size_t i = 0; i < priority_count; ++i) books.last_delivered[i] = last[i].text;
  const Reply& wrong = array_of(reply[18], 0, books_function);
  for (std::size_t i = 0; i + 1 < wrong.size; i += 2) {
    books.wrong_keys.push_back({std::string(wrong[i].text), std::string(wrong[i + 1].text)});
  }
  return books;
}

BooksReply call_books(redis::Connection& connection, const Keys& keys) {
  append_books(connection, keys);
  return read_books(connection.read());
}

std::vector<WrongKey> find_wrong_keys(redis::Connection& connection, const Keys& keys) {
  struct Question {
    std::string_view command;
    const std::string& key;
  };
  const Question questions[key_count] = {
      {"HLEN", keys.state},    {"HLEN", keys.control},  {"HLEN", keys.producers},
      {"HLEN", keys.workers},  {"HLEN", keys.progress}, {"HLEN", keys.parked},
      {"ZCARD", keys.due},     {"ZCARD", keys.dead},    {"XLEN", keys.ready[0]},
      {"XLEN", keys.ready[1]}, {"XLEN", keys.ready[2]}};
  connection.connect();
  for (const Question& question : questions) connection.append({question.command, question.key});
  std::vector<WrongKey> wrong;
  for (const Question& question : questions) {
    const auto reply = connection.read();
    if (reply->root().is_error()) wrong.push_back({question.key, std::string(reply->root().text)});
  }
  return wrong;
}

WeighedSlice call_weigh(redis::Connection& connection, const Keys& keys, std::size_t priority,
                        std::string_view from, std::string_view to, bool lists) {
  append_weigh(connection, keys, priority, from, to, lists);
  return read_weigh(connection.read()->root());
}

void append_weigh(redis::Connection& connection, const Keys& keys, std::size_t priority,
                  std::string_view from, std::string_view to, bool lists) {
  const std::string_view names[] = {keys.progress, keys.ready[priority]};
  const std::string most = std::to_string(slice_elements);
  const std::string bytes = std::to_string(slice_bytes);
  const std::string_view arguments[] = {from, to, most, bytes, lists ? "1" : "0"};
  append_as("FCALL_RO", connection, weigh_function, names, arguments);
}

WeighedSlice read_weigh(const Reply& answer) {
  const Reply& reply = array_of(checked(answer, weigh_function), 6, weigh_function);
  WeighedSlice slice{integer_of(reply[0], weigh_function), integer_of(reply[1], weigh_function),
                     std::string(reply[2].text),           integer_of(reply[3], weigh_function),
                     integer_of(reply[4], weigh_function), {}};
  read_list(reply[5], weigh_function, slice.list);
  return slice;
}

WeighedSlice call_weigh_parked(redis::Connection& connection, const Keys& keys,
                               const std::string& set, std::int64_t rank, bool lists) {
  append_weigh_parked(connection, keys, set, rank, lists);
  return read_weigh_parked(connection.read()->root());
}

void append_weigh_parked(redis::Connection& connection, const Keys& keys, const std::string& set,
                         std::int64_t rank, bool lists) {
  const std::string_view names[] = {set, keys.parked};
  const std::string from = std::to_string(rank);
  const std::string most = std::to_string(slice_elements);
  const std::string bytes = std::to_string(slice_bytes);
  const std::string_view arguments[] = {from, most, bytes, lists ? "1" : "0"};
  append_as("FCALL_RO", connection, weigh_parked_function, names, arguments);
}

WeighedSlice read_weigh_parked(const Reply& answer) {
  constexpr std::string_view function = weigh_parked_function;
  const Reply& reply = array_of(checked(answer, function), 4, function);
  WeighedSlice slice{integer_of(reply[0], function),
                     integer_of(reply[1], function),
                     {},
                     integer_of(reply[2], function),
                     0,
                     {}};
  read_list(reply[3], function, slice.list);
  return slice;
}

void call_pause(redis::Connection& connection, const Keys& keys, bool paused) {
  const std::string_view names[] = {keys.control};
  const std::string_view arguments[] = {paused ? "1" : "0"};
  const auto answer = call(connection, "ferry_v1_pause", names, arguments);
  if (word_of(answer->root()) != "OK") throw unknown_reply("ferry_v1_pause", answer->root());
}

Removed call_remove(redis::Connection& connection, const Keys& keys, std::string_view where,
                    std::span<const SeenEnvelope> envelopes) {
  constexpr std::string_view function = "ferry_v1_remove";
  const std::string_view names[] = {keys.state,    keys.due,      keys.dead,     keys.parked,
                                    keys.progress, keys.ready[0], keys.ready[1], keys.ready[2]};
  std::vector<std::string> numbers;
  numbers.reserve(2 * envelopes.size());
  std::vector<std::string_view> arguments;
  for (const SeenEnvelope& envelope : envelopes) {
    const std::string& jobs = numbers.emplace_back(std::to_string(envelope.jobs));
    const std::string& bytes = numbers.emplace_back(std::to_string(envelope.bytes));
    arguments.insert(arguments.end(), {where, envelope.name, jobs, bytes});
  }
  const auto answer = call(connection, function, names, arguments);
  const Reply& reply = array_of(answer->root(), 2, function);
  return {integer_of(reply[0], function), integer_of(reply[1], function)};
}

std::int64_t call_dead_retry(redis::Connection& connection, const Keys& keys,
                             std::span<const DeadRetry> letters) {
  constexpr std::string_view function = "ferry_v1_dead_retry";
  const std::string_view names[] = {keys.state,    keys.dead,     keys.parked,
                                    keys.ready[0], keys.ready[1], keys.ready[2]};
  std::vector<std::string_view> arguments;
  for (const DeadRetry& letter : letters) {
    arguments.insert(arguments.end(), {letter.name, letter.envelope});
  }
  return integer_of(call(connection, function, names, arguments)->root(), function);
}

std::int64_t transact_dead_retry(redis::Connection& connection, const Keys& keys,
                                 const DeadRetry& letter) {
  constexpr std::string_view function = "ferry_v1_dead_open";
  std::random_device random;
  const std::string gate =
      keys.gate_of("retry." + std::to_string(random()) + '.' + std::to_string(random()));
  const std::string& stream = keys.ready[static_cast<std::size_t>(letter.name.at(0) - '0')];
  const std::string letter_bytes = std::to_string(letter.letter_bytes);
  const std::string jobs = std::to_string(letter.jobs);
  const std::string bytes = std::to_string(letter.envelope.size());
  const redis::CommandHead add{"XADD", gate, "NOMKSTREAM", "*", envelope_field};
  connection.connect();
  connection.append({"MULTI"});
  connection.append({"FCALL", function, "5", keys.state, keys.dead, keys.parked, gate, stream,
                     letter.name, letter_bytes, jobs, bytes});
  connection.append(add, letter.envelope);
  connection.append({"RENAMENX", gate, stream});
  connection.append(
      {"FCALL", "ferry_v1_dead_close", "4", keys.state, keys.dead, keys.parked, stream});
  connection.append({"EXEC"});
  // What was refused while it queued up makes EXEC refuse the whole: the first refusal says why.
  std::string refusal;
  for (int queued = 0; queued < 5; ++queued) {
    const Reply& reply = connection.read_brief();
    if (reply.is_error() && refusal.empty()) refusal = reply.text;
  }
  const auto executed = connection.read();
  const Reply& all = executed->root();
  if (!refusal.empty()) throw refusal_of(function, refusal);
  if (all.is_error()) throw refusal_of(function, all.text);
  array_of(all, 4, function);
  if (all[0].is_error()) throw refusal_of(function, all[0].text);
  if (all[0].text != "OK") return 0;
  if (all[1].is_error()) throw error_about({stream, std::string(all[1].text)});
  if (all[3].is_error()) throw refusal_of("ferry_v1_dead_close", all[3].text);
  return integer_of(all[3], function);
}

std::int64_t call_dead_drop(redis::Connection& connection, const Keys& keys,
                            std::span<const std::string> letters) {
  constexpr std::string_view function = "ferry_v1_dead_drop";
  const std::string_view names[] = {keys.state, keys.dead, keys.parked};
  const std::vector<std::string_view> arguments(letters.begin(), letters.end());
  return integer_of(call(connection, function, names, arguments)->root(), function);
}

std::int64_t call_dead_split(redis::Connection& connection, const Keys& keys, std::string_view name,
                             std::span<const std::string> letters) {
  constexpr std::string_view function = "ferry_v1_dead_split";
  const std::string_view names[] = {keys.state, keys.dead, keys.parked};
  std::vector<std::string_view> arguments{name};
  arguments.insert(arguments.end(), letters.begin(), letters.end());
  return integer_of(call(connection, function, names, arguments)->root(), function);
}

ForgetReply call_forget(redis::Connection& connection, const Keys& keys,
                        std::int64_t workers_silent_ms, std::int64_t producers_silent_ms) {
  constexpr std::string_view expire = "ferry_v1_expire_producers";
  constexpr std::string_view function = "ferry_v1_forget";
  const std::string silent = std::to_string(producers_silent_ms);
  std::string cursor = "0";
  do {
    const std::string_view names[] = {keys.producers};
    const std::string_view arguments[] = {cursor, silent};
    const auto answer = call(connection, expire, names, arguments);
    cursor = array_of(answer->root(), 2, expire)[0].text;
  } while (cursor != "0" && !cursor.empty());
  const std::string_view names[] = {keys.state,    keys.due,      keys.dead,    keys.parked,
                                    keys.progress, keys.control,  keys.workers, keys.producers,
                                    keys.ready[0], keys.ready[1], keys.ready[2]};
  const std::string patience = std::to_string(workers_silent_ms);
  const std::string_view arguments[] = {patience};
  const auto answer = call(connection, function, names, arguments);
  const Reply& reply = array_of(answer->root(), 3, function);
  ForgetReply told;
  if (reply[0].text == "OK") {
    told.forgotten = true;
    told.keys_removed = integer_of(reply[1], function);
    told.producers_kept = integer_of(reply[2], function);
    return told;
  }
  if (reply[0].text != "USED") throw unknown_reply(function, reply);
  array_of(reply, 6, function);
  std::int64_t* const fields[] = {&told.envelopes, &told.delayed, &told.dead, &told.parked,
                                  &told.workers};
  for (std::size_t i = 0; i < std::size(fields); ++i) {
    *fields[i] = integer_of(reply[i + 1], function);
  }
  return told;
}

}  // namespace ferry
