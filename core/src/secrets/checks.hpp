#pragma once

#include <sodium.h>

#include <string>
#include <system_error>

#include "ferry/error.hpp"

namespace ferry::secrets {

/// Errors: always `invalid_argument`: "<path> <what>".
[[noreturn]] inline void refuse(const std::string& path, const std::string& what) {
  throw Error(ErrorCode::invalid_argument, path + ' ' + what);
}

/// The same with what the system says of `error_number`.
[[noreturn]] inline void refuse(const std::string& path, const std::string& what,
                                int error_number) {
  refuse(path, what + ": " + std::error_code(error_number, std::generic_category()).message());
}

/// Sets libsodium up, once for all threads.
inline void require_sodium() {
  if (::sodium_init() >= 0) return;
  throw Error(ErrorCode::internal, "libsodium could not be set up: no source of random bytes");
}

}  // namespace ferry::secrets
