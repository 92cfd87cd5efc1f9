#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <msgpack.hpp>
#include <string_view>
#include <utility>

#include "flow/mix/mix.hpp"

namespace ferry::flow {

inline constexpr std::array<std::string_view, most_kinds> kind_names{
    "flow_0", "flow_1", "flow_2", "flow_3", "flow_4", "flow_5", "flow_6", "flow_7"};

/// A job of one of a mix's kinds: its number in the schedule, and bytes that no handler reads. The
/// filling is a view, so that neither side copies large ones.
template <std::size_t index>
struct FlowJob {
  static constexpr std::string_view kind = kind_names[index];
  std::uint64_t number = 0;
  std::string_view filling;
  MSGPACK_DEFINE_MAP(number, filling)
};

/// Calls `with.operator()<index>()` for the kind whose index is known only now.
template <typename With, std::size_t... all>
void with_kind(std::size_t index, const With& with, std::index_sequence<all...>) {
  ((index == all ? with.template operator()<all>() : void()), ...);
}
template <typename With>
void with_kind(std::size_t index, const With& with) {
  with_kind(index, with, std::make_index_sequence<most_kinds>{});
}

}  // namespace ferry::flow
