#pragma once

#include <cstdint>
#include <msgpack.hpp>
#include <string>
#include <string_view>

/// Adds an amount to an account's balance: a job that must not take effect twice.
struct Deposit {
  static constexpr std::string_view kind = "deposit";  // stored with every job: never rename it
  std::string account;
  std::int64_t cents = 0;
  MSGPACK_DEFINE_MAP(account, cents)
};
