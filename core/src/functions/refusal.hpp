#pragma once

#include <string_view>

#include "ferry/error.hpp"

namespace ferry {

/// Returns: the exception for an error that a function of Ferry's replied. Where rights are missing
/// it names the function and the role that has them, which Redis does not.
Error refusal_of(std::string_view function, std::string_view error_text);

}  // namespace ferry
