#pragma once

#include <cstdint>
#include <msgpack.hpp>
#include <string>
#include <string_view>

namespace ferry::fault {

/// The handler asks for one more run, a little later, of every so many-th job.
inline constexpr std::uint64_t retried_each = 1009;

/// Handled one by one.
struct SingleJob {
  static constexpr std::string_view kind = "fault_single";
  std::uint64_t number = 0;
  std::string filling;
  MSGPACK_DEFINE_MAP(number, filling)
};

/// Handled in batches.
struct BatchedJob {
  static constexpr std::string_view kind = "fault_batched";
  std::uint64_t number = 0;
  std::string filling;
  MSGPACK_DEFINE_MAP(number, filling)
};

/// Held for company of the same batch key.
struct KeyedJob {
  static constexpr std::string_view kind = "fault_keyed";
  std::uint64_t number = 0;
  std::string filling;
  MSGPACK_DEFINE_MAP(number, filling)
};

/// Takes long, one at a time in each worker: what a worker cannot begin soon is set aside.
struct SlowJob {
  static constexpr std::string_view kind = "fault_slow";
  std::uint64_t number = 0;
  std::string filling;
  MSGPACK_DEFINE_MAP(number, filling)
};

}  // namespace ferry::fault
