#include "queue/revival.hpp"

#include <utility>

#include "wire/envelope.hpp"

namespace ferry::detail {
namespace {

Revival refused(std::string why_not) { return {{}, 0, std::move(why_not)}; }

Revival as_it_was(std::string_view bytes) {
  const auto head = wire::decode_head(bytes);
  if (!head) return refused("its bytes are no envelope of Ferry's");
  wire::StoredEnvelope envelope;
  const std::string problem = wire::decode(bytes, envelope);
  if (!problem.empty() && !envelope.newer) {
    return refused("no worker of this version can read it: " + problem);
  }
  return {std::string(bytes), head->count, {}};
}

}  // namespace

Revival revive(std::string_view letter) {
  wire::StoredEnvelope envelope;
  const std::string problem = wire::decode(letter, envelope);
  if (!problem.empty()) return refused("it cannot be read: " + problem);
  if (envelope.is_opaque()) return as_it_was(envelope.opaque);
  if (envelope.jobs.empty()) return refused("it holds no job");
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
  const bool was_compressed = (envelope.head.flags & wire::flag_zstd) != 0;
  Revival revival{writer.finish(was_compressed ? 1 : 0), envelope.jobs.size(), {}};
  if (revival.envelope.size() > wire::max_envelope_bytes) {
    return refused("it would have " + std::to_string(revival.envelope.size()) +
                   " bytes, more than a worker reads");
  }
  return revival;
}

}  // namespace ferry::detail
