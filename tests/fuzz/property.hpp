#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

// What every target needs. A target is one file with the entry point that libFuzzer calls, and a
// comment on top that says which property holds for any bytes, beyond not crashing.

/// Called with any bytes; ends the process when the property does not hold.
///
/// Source: https://llvm.org/docs/LibFuzzer.html
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace ferry::fuzz {

/// Ends the process as a finding, with what should have held.
inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "property broken: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A message ends in a log or a terminal: one line of a sane length, whatever came in.
inline void require_message(std::string_view message) {
  bool one_line = true;
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    one_line = one_line && byte >= 0x20 && byte != 0x7f;
  }
  if (one_line && !message.empty() && message.size() <= 2048) return;
  require(false, std::string("a message is one line of a sane length: ").append(message));
}

}  // namespace ferry::fuzz
