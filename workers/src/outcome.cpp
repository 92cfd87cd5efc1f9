#include "ferry/outcome.hpp"

#include "ranges.hpp"

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

Outcome retry_after(std::chrono::milliseconds delay, std::string reason) {
  require(delay.count() >= 0, "retry_after", std::to_string(delay.count()) + " ms",
          "0 (at once) to 366 days; use ferry::retry for the kind's backoff");
  return {OutcomeKind::retry, delay, std::move(reason)};
}

}  // namespace ferry
