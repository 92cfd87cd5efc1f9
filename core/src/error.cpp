#include "ferry/error.hpp"

namespace ferry {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::outcome_unknown:
      return "outcome_unknown";
    case ErrorCode::unconfirmed:
      return "unconfirmed";
    case ErrorCode::full:
      return "full";
    case ErrorCode::buffer_full:
      return "buffer_full";
    case ErrorCode::expired:
      return "expired";
    case ErrorCode::shed:
      return "shed";
    case ErrorCode::oversized:
      return "oversized";
    case ErrorCode::denied:
      return "denied";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::out_of_memory:
      return "out_of_memory";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::stopped:
      return "stopped";
    case ErrorCode::internal:
      return "internal";
  }
  return "unknown";
}

}  // namespace ferry
