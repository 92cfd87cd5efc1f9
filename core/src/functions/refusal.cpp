#include "functions/refusal.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "redis/errors.hpp"

namespace ferry {
namespace {

struct Use {
  std::string_view function;
  std::string_view role;
};

constexpr std::array uses{
    Use{"ferry_v1_enqueue", "producer"},    Use{"ferry_v1_open", "producer"},
    Use{"ferry_v1_counts", "viewer"},       Use{"ferry_v1_count_range", "viewer"},
    Use{"ferry_v1_count_parked", "viewer"}, Use{"ferry_v1_pause", "admin"},
    Use{"ferry_v1_purge", "admin"},         Use{"ferry_v1_dead_retry", "admin"},
    Use{"ferry_v1_dead_drop", "admin"},     Use{"ferry_v1_dead_split", "admin"},
    Use{"ferry_v1_hint", "worker"},         Use{"ferry_v1_books", "viewer"},
    Use{"ferry_v1_weigh", "viewer"},        Use{"ferry_v1_weigh_parked", "viewer"},
    Use{"ferry_v1_remove", "admin"},        Use{"ferry_v1_forget", "admin"},
    Use{"ferry_v1_dead_open", "admin"},     Use{"ferry_v1_dead_close", "admin"}};

std::string_view role_of(std::string_view function) {
  const auto found = std::ranges::find(uses, function, &Use::function);
  return found == uses.end() ? "worker" : found->role;
}

}  // namespace

Error refusal_of(std::string_view function, std::string_view error_text) {
  const Error error = redis::error_of(error_text);
  if (error.code() != ErrorCode::denied) return error;
  return Error(ErrorCode::denied, "the user may not call " + std::string(function) +
                                      ", which is for the role " + std::string(role_of(function)) +
                                      ": " + error.what());
}

}  // namespace ferry
