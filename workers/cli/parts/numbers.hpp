#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ferry::cli {

/// Returns: empty when the text is a whole number in the range, else what is wrong with it, as in
/// `"-1" is no whole number from 0 to 1000`.
std::string whole_number_refusal(std::string_view text, std::uint64_t least, std::uint64_t most);

/// The same for a number with a fraction; neither `nan` nor `inf` is in any range.
std::string number_refusal(std::string_view text, double least, double most);

/// A whole number outside of strings in JSON that neither 64 bits with a sign nor without can hold:
/// JSON readers make a number with a fraction of it, which is another number.
///
/// Returns: its text, empty when there is none.
std::string_view inexact_integer(std::string_view json);

}  // namespace ferry::cli
