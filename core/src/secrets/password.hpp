#pragma once

#include <string>
#include <string_view>

namespace ferry::secrets {

/// Returns: 256 bits by chance, as 43 characters that need no quoting anywhere.
std::string random_password();

/// Returns: SHA-256 in hex, as Redis takes it in place of a password (`#<hash>`).
std::string sha256_hex(std::string_view text);

/// Returns: the file's first line.
/// Errors: `invalid_argument` when there is none; the message never shows what was read.
std::string first_line(const std::string& path);

/// Writes a file that only its owner may read.
///
/// Errors: `invalid_argument` when it is there already or cannot be made.
void write_private_file(const std::string& path, std::string_view text);

}  // namespace ferry::secrets
