#include "stages/unknown_kinds.hpp"

#include <algorithm>
#include <cctype>

namespace ferry::detail {
namespace {

/// Other names cannot be stored, see `set_aside` in core/src/functions/beat.lua.
bool is_kind_name(std::string_view kind) {
  return !kind.empty() && kind.size() <= 64 && std::ranges::all_of(kind, [](unsigned char c) {
    return c < 128 && (std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-' || c == ':');
  });
}

}  // namespace

bool UnknownKinds::wait(std::string_view kind) {
  const bool can_wait = then_ == UnknownKind::waits && is_kind_name(kind);
  if (!can_wait || seen_.contains(kind)) return can_wait;
  if (seen_.size() == most) return false;
  seen_.emplace(kind);
  new_.emplace_back(kind);
  return true;
}

}  // namespace ferry::detail
