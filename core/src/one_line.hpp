#pragma once

#include <string>
#include <string_view>

namespace ferry {

/// What a message shows of a text from elsewhere: one line of a sane length, whatever was passed
/// in. What is not printable ASCII becomes `?`, so that no text can forge a line of a log or steer
/// a terminal; what is longer ends in `…`.
std::string one_line(std::string_view text, std::size_t most_bytes = 128);

}  // namespace ferry
