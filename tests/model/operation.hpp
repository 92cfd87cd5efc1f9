#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/answer.hpp"

namespace ferry::model {

/// One call at one moment. `function` is a function of the library without its prefix, or `fetch`
/// (XREADGROUP), `open` and `due_move` (whole transactions), `alien` (an entry that no producer
/// stored) or `stray` (bytes that no function parked, with a due time or without).
struct Operation {
  std::string function;
  std::size_t digit = 1;  ///< of the stream, where the function has one
  Words args{};
  std::int64_t now = 0;  ///< ms since 1970
};

std::string show(const Operation& operation);

/// Makes sequences of calls, most of them sensible, some wrong or too late, for a queue of its own.
/// Equal seeds make equal sequences.
std::vector<Operation> random_operations(std::uint64_t seed, std::size_t count);

}  // namespace ferry::model
