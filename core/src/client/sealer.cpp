#include "client/sealer.hpp"

#include "wire/limits.hpp"

namespace ferry::detail {

Sealer::Sealer(const std::string& keys_file) {
  if (!keys_file.empty()) keys_.emplace(keys_file);
}

JobId Sealer::next_id(std::uint64_t now_us) {
  const std::lock_guard lock(mutex_);
  return ids_.next(now_us / 1000);
}

void Sealer::seal(const secrets::PayloadBinding& binding, std::string_view payload,
                  SealedJobs& sealed) const {
  const std::size_t stored = payload.size() + secrets::PayloadKeys::overhead_bytes;
  const std::size_t begin = sealed.bytes_.size();
  const bool fits = stored <= wire::max_payload_bytes;
  sealed.jobs_.push_back({binding.id, begin, fits ? stored : 0, stored});
  if (!fits) return;
  sealed.bytes_.resize(begin + stored);
  keys_->seal(binding, payload, sealed.bytes_.data() + begin);
}

}  // namespace ferry::detail
