#include <algorithm>
#include <utility>

#include "functions/replies.hpp"
#include "functions/slice.hpp"
#include "queue/queue_impl.hpp"
#include "secrets/payload_keys.hpp"

namespace ferry {
namespace {

using detail::DeadLetter;
using redis::Connection;
using redis::Reply;

/// Units: bytes of the letters that one call puts back.
constexpr std::size_t max_retry_bytes = 4 * 1024 * 1024;
/// Ids looked up at a time; each may be one of three names.
constexpr std::size_t ids_per_look = 100;

/// The names that a dead letter with this id may have: its priority is not known from the id.
std::vector<std::string> names_of(std::span<const JobId> ids) {
  std::vector<std::string> names;
  names.reserve(ids.size() * priority_count);
  for (const JobId& id : ids) {
    std::string hex;
    for (const std::uint8_t byte : id.bytes) {
      hex.push_back("0123456789abcdef"[byte >> 4]);
      hex.push_back("0123456789abcdef"[byte & 15]);
    }
    for (const char digit : {'0', '1', '2'}) names.push_back(std::string{digit, ':'} + hex);
  }
  return names;
}

redis::ReplyPtr call_with(Connection& connection, std::string_view command, std::string_view key,
                          std::span<const std::string> names) {
  std::vector<std::string_view> arguments{command, key};
  arguments.insert(arguments.end(), names.begin(), names.end());
  return connection.call(arguments);
}

std::vector<DeadLetter> letters_named(Connection& connection, const Keys& keys,
                                      const std::vector<std::string>& names) {
  std::vector<DeadLetter> letters;
  const auto scores = call_with(connection, "ZMSCORE", keys.dead, names);
  std::vector<std::string> dead;
  for (std::size_t i = 0; i < names.size() && i < scores->root().size; ++i) {
    const Reply& score = scores->root()[i];
    if (score.is_nil()) continue;  // `parked` may hold that name for a delayed job
    dead.push_back(names[i]);
    letters.push_back({names[i], {}, ms_of_score(score.text)});
  }
  if (dead.empty()) return letters;
  const auto stored = call_with(connection, "HMGET", keys.parked, dead);
  for (std::size_t i = 0; i < letters.size() && i < stored->root().size; ++i) {
    letters[i].bytes = stored->root()[i].text;
  }
  std::erase_if(letters, [](const DeadLetter& letter) { return letter.bytes.empty(); });
  return letters;
}

/// Returns: the names of dead letters that died until then, the oldest first.
std::vector<std::string> names_until(Connection& connection, const Keys& keys,
                                     std::int64_t until_ms, std::size_t offset, std::size_t most) {
  const auto answer = connection.call({"ZRANGEBYSCORE", keys.dead, "-inf", std::to_string(until_ms),
                                       "LIMIT", std::to_string(offset), std::to_string(most)});
  std::vector<std::string> names;
  for (const Reply& name : answer->root()) names.emplace_back(name.text);
  return names;
}

/// Returns: the letter without attempts and reason; nothing when no worker could take it.
std::optional<std::string> revived(const std::string& bytes) {
  wire::StoredEnvelope envelope;
  if (!wire::decode(bytes, envelope).empty()) return std::nullopt;
  if (envelope.is_opaque()) {
    if (!wire::decode_head(envelope.opaque)) return std::nullopt;
    return std::string(envelope.opaque);
  }
  if (envelope.jobs.empty()) return std::nullopt;
  wire::EnvelopeWriter writer(envelope.head.first_id);
  for (const wire::StoredJob& job : envelope.jobs) {
    if (job.extras == nullptr) {
      writer.add_moved(job, nullptr);
      continue;
    }
    wire::Extras extras = *job.extras;
    extras.attempts = 0;
    extras.last_reason = {};
    writer.add_moved(job, &extras);
  }
  return writer.finish();
}

std::int64_t retry(Connection& connection, const Keys& keys, std::vector<DeadLetter> letters) {
  std::int64_t moved = 0;
  std::size_t bytes = 0;
  std::vector<DeadRetry> slice;
  const auto send = [&] {
    if (!slice.empty()) moved += call_dead_retry(connection, keys, slice);
    slice.clear();
    bytes = 0;
  };
  for (DeadLetter& letter : letters) {
    auto envelope = revived(letter.bytes);
    if (!envelope) continue;
    if (slice.size() == max_dead_retry || bytes + envelope->size() > max_retry_bytes) send();
    bytes += envelope->size();
    slice.push_back({std::move(letter.name), std::move(*envelope)});
  }
  send();
  return moved;
}

template <typename F>
void for_each_look(std::span<const JobId> ids, F look) {
  while (!ids.empty()) {
    const auto some = ids.first(std::min(ids.size(), ids_per_look));
    look(names_of(some));
    ids = ids.subspan(some.size());
  }
}

std::optional<DeadLetter> letter_of(Connection& connection, const Keys& keys, const JobId& id) {
  auto letters = letters_named(connection, keys, names_of(std::span(&id, 1)));
  if (letters.empty()) return std::nullopt;
  return std::move(letters.front());
}

std::string opened(const wire::StoredJob& job, std::string_view queue,
                   const std::string& keys_file) {
  const secrets::PayloadKeys keys(keys_file);
  const std::string_view key_id = job.extras->key_id;
  if (!keys.has(key_id)) {
    throw Error(ErrorCode::invalid_argument, "the payload is sealed with key '" +
                                                 std::string(key_id) + "', which is not in " +
                                                 keys_file);
  }
  std::string payload(job.payload.size(), '\0');
  if (!keys.open(key_id, {job.id, queue, job.kind}, job.payload, payload.data())) {
    throw Error(ErrorCode::corrupt, "the payload cannot be opened: not what key '" +
                                        std::string(key_id) +
                                        "' sealed for this id, queue and kind");
  }
  payload.resize(payload.size() - secrets::PayloadKeys::overhead_bytes);
  return payload;
}

}  // namespace

std::optional<JobInfo> Queue::dead(const JobId& id) {
  const auto letter = letter_of(impl_->ready(), impl_->keys, id);
  if (!letter) return std::nullopt;
  std::vector<JobInfo> jobs;
  detail::add_parked(letter->name, letter->bytes, letter->died_at_ms, JobState::dead, jobs);
  const auto found = std::ranges::find(jobs, id, &JobInfo::id);
  if (found == jobs.end()) return std::nullopt;
  return std::move(*found);
}

std::optional<std::string> Queue::dead_payload(const JobId& id, const std::string& keys_file) {
  secrets::require_keys(keys_file);
  const auto letter = letter_of(impl_->ready(), impl_->keys, id);
  if (!letter) return std::nullopt;
  wire::StoredEnvelope envelope;
  if (!wire::decode(letter->bytes, envelope).empty()) return letter->bytes;
  if (envelope.is_opaque()) return std::string(envelope.opaque);
  const auto found = std::ranges::find(envelope.jobs, id, &wire::StoredJob::id);
  if (found == envelope.jobs.end()) return std::nullopt;
  const bool sealed = found->extras != nullptr && !found->extras->key_id.empty();
  if (sealed && !keys_file.empty()) return opened(*found, impl_->name, keys_file);
  return std::string(found->payload);
}

std::int64_t Queue::retry_dead(std::span<const JobId> ids) {
  Connection& connection = impl_->ready();
  std::int64_t moved = 0;
  for_each_look(ids, [&](const std::vector<std::string>& names) {
    moved += retry(connection, impl_->keys, letters_named(connection, impl_->keys, names));
  });
  return moved;
}

std::int64_t Queue::retry_all_dead(const std::function<void(std::int64_t moved)>& progress) {
  Connection& connection = impl_->ready();
  // Those that die again meanwhile are left alone, else this might never end.
  const std::int64_t until_ms = call_counts(connection, impl_->keys).server_time_ms;
  std::int64_t moved = 0;
  std::size_t passed_over = 0;
  while (true) {
    const auto names = names_until(connection, impl_->keys, until_ms, passed_over, ids_per_look);
    if (names.empty()) return moved;
    const std::size_t before = passed_over;
    moved += retry(connection, impl_->keys, letters_named(connection, impl_->keys, names));
    const auto still = call_with(connection, "ZMSCORE", impl_->keys.dead, names);
    for (const Reply& score : still->root()) passed_over = passed_over + (score.is_nil() ? 0 : 1);
    if (progress && passed_over - before < names.size()) progress(moved);
  }
}

std::int64_t Queue::drop_dead(std::span<const JobId> ids) {
  Connection& connection = impl_->ready();
  std::int64_t dropped = 0;
  for_each_look(ids, [&](const std::vector<std::string>& names) {
    dropped += call_dead_drop(connection, impl_->keys, names);
  });
  return dropped;
}

std::int64_t Queue::drop_all_dead(const std::function<void(std::int64_t dropped)>& progress) {
  Connection& connection = impl_->ready();
  const std::int64_t until_ms = call_counts(connection, impl_->keys).server_time_ms;
  std::int64_t dropped = 0;
  while (true) {
    const auto names = names_until(connection, impl_->keys, until_ms, 0, Slice::max_elements);
    if (names.empty()) return dropped;
    dropped += call_dead_drop(connection, impl_->keys, names);
    if (progress) progress(dropped);
  }
}

}  // namespace ferry
