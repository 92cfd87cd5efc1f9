#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// Files above this are not worth indexing here: generated tables, not prose.
inline constexpr std::uintmax_t largest_file_bytes = 4 * 1024 * 1024;

/// A document, or why there is none.
struct ReadFile {
  std::string text;
  std::string problem;  ///< empty = read
};

/// Returns: what looks like a C or C++ header under the folders (`:` between them), sorted.
/// Errors: std::runtime_error for a folder that cannot be read.
std::vector<std::string> find_headers(const std::string& folders);

/// Never throws: what is wrong with a file is a matter of this one job.
ReadFile read_file(const std::string& path);

/// Returns: false for files that `read_file` would refuse, without reading them.
bool looks_readable(const std::string& path);
