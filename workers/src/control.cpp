#include "control.hpp"

namespace ferry::detail {

std::vector<Holder> holders_in(const redis::Reply& reply) {
  std::vector<Holder> holders;
  for (std::size_t i = 0; i + 2 < reply.size; i += 3) {
    const std::int64_t digit = reply[i].integer;
    if (digit < 0 || digit >= static_cast<std::int64_t>(priority_count)) continue;
    holders.push_back({static_cast<Priority>(digit), std::string(reply[i + 1].text),
                       static_cast<std::size_t>(reply[i + 2].integer)});
  }
  return holders;
}

}  // namespace ferry::detail
