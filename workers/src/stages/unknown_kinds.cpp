#include "stages/unknown_kinds.hpp"

#include "wire/names.hpp"

namespace ferry::detail {

bool UnknownKinds::wait(std::string_view kind) {
  const bool can_wait = then_ == UnknownKind::waits && wire::is_name(kind);
  if (!can_wait || seen_.contains(kind)) return can_wait;
  if (seen_.size() == most) return false;
  seen_.emplace(kind);
  new_.emplace_back(kind);
  return true;
}

}  // namespace ferry::detail
