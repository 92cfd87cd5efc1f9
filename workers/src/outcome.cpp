#include "ferry/outcome.hpp"

namespace ferry {

std::string_view to_string(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::done:
      return "done";
    case OutcomeKind::retry:
      return "retry";
    case OutcomeKind::fail:
      return "fail";
  }
  return "unknown";
}

}  // namespace ferry
