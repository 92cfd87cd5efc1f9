#pragma once

#include <string>
#include <string_view>

namespace ferry::cli {

/// Returns: the URL with this password in place of any it has; user, host and database stay.
///
/// Errors: `invalid_argument` for a URL that cannot be read.
std::string with_password(std::string_view url, std::string_view password);

/// Errors: `invalid_argument` for a URL that cannot be read.
std::string without_password(std::string_view url);

/// Errors: `invalid_argument` for a URL that cannot be read.
bool has_password(std::string_view url);

/// Returns: the URL without its password, for people.
std::string shown_url(std::string_view url);

}  // namespace ferry::cli
