#pragma once

#include <gtest/gtest.h>

#include "ferry/error.hpp"

namespace ferry::test {

/// Returns: the error that `call` throws.
template <typename Call>
Error error_from(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ErrorCode::internal, "");
}

}  // namespace ferry::test
