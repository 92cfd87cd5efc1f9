#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

#include "cli/parts/numbers.hpp"

namespace ferry::cli {

/// For options of the command line: CLI11's own checks take `nan`, wrap `-1` into the largest of
/// all numbers, and print bounds of 300 digits.
inline CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
  return CLI::Validator(
      [=](const std::string& text) { return whole_number_refusal(text, least, most); }, "");
}

inline CLI::Validator number(double least, double most) {
  return CLI::Validator([=](const std::string& text) { return number_refusal(text, least, most); },
                        "");
}

}  // namespace ferry::cli
