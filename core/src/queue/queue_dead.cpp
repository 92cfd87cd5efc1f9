#include <algorithm>
#include <utility>

#include "queue/queue_impl.hpp"
#include "secrets/payload_keys.hpp"

namespace ferry {
namespace {

using redis::Connection;
using redis::Reply;

/// A dead letter as stored: its name in `dead`, its bytes.
struct DeadLetter {
  std::string name;
  std::string bytes;
  std::uint64_t died_at_ms = 0;
};

/// A name that stands for this id has one of three priorities; the first that is dead is meant.
std::optional<DeadLetter> letter_of(Connection& connection, const Keys& keys, const JobId& id) {
  const auto names = detail::dead_names_of(std::span(&id, 1));
  const auto times = detail::times_of_death(connection, keys, names);
  std::optional<DeadLetter> letter;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!times[i]) continue;  // `parked` may hold that name for a delayed job
    const std::string name[] = {names[i]};
    const std::int64_t size[] = {1};
    detail::read_parked(connection, keys, name, size, [&](std::size_t, std::string_view bytes) {
      letter = DeadLetter{names[i], std::string(bytes),
                          static_cast<std::uint64_t>(
                              std::clamp(*times[i], 0.0, static_cast<double>(wire::max_time_ms)))};
      return false;
    });
    if (letter) break;
  }
  return letter;
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
  auto letter = letter_of(impl_->ready(), impl_->keys, id);
  if (!letter) return std::nullopt;
  wire::StoredEnvelope envelope;
  if (!wire::decode(letter->bytes, envelope).empty()) return std::move(letter->bytes);
  if (envelope.is_opaque()) return std::string(envelope.opaque);
  const auto found = std::ranges::find(envelope.jobs, id, &wire::StoredJob::id);
  if (found == envelope.jobs.end()) return std::nullopt;
  const bool sealed = found->extras != nullptr && !found->extras->key_id.empty();
  if (sealed && !keys_file.empty()) return opened(*found, impl_->name, keys_file);
  return std::string(found->payload);
}

}  // namespace ferry
