#include "stages/envelope_pool.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ferry::detail {
namespace {

/// Whether nobody else has it, nor will: only who has one can copy it.
bool is_ours(const EnvelopePtr& envelope) {
  if (envelope.use_count() != 1) return false;
  // The count alone orders nothing. Taking part in it does: what the last of the others did with
  // the envelope is over and seen here.
  const EnvelopePtr see = envelope;
  return true;
}

}  // namespace

std::vector<EnvelopePtr> EnvelopePool::take(std::size_t envelopes) {
  std::vector<EnvelopePtr> taken;
  taken.reserve(envelopes);
  {
    const std::lock_guard lock(mutex_);
    const auto from =
        spare_.end() - static_cast<std::ptrdiff_t>(std::min(envelopes, spare_.size()));
    std::move(from, spare_.end(), std::back_inserter(taken));
    spare_.erase(from, spare_.end());
  }
  while (taken.size() < envelopes) taken.push_back(std::make_shared<LeasedEnvelope>());
  return taken;
}

void EnvelopePool::give(std::vector<EnvelopePtr> ended) {
  std::erase_if(ended, [](const EnvelopePtr& envelope) {
    return !is_ours(envelope) || envelope->stored.jobs.capacity() > most_jobs;
  });
  for (const EnvelopePtr& envelope : ended) envelope->clear();
  const std::lock_guard lock(mutex_);
  const std::size_t kept = std::min(ended.size(), most_spare - spare_.size());
  spare_.insert(spare_.end(), std::move_iterator(ended.begin()),
                std::move_iterator(ended.begin() + static_cast<std::ptrdiff_t>(kept)));
}

}  // namespace ferry::detail
