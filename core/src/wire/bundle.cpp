#include "wire/bundle.hpp"

#include "wire/envelope_head.hpp"
#include "wire/msgpack_cursor.hpp"

namespace ferry::wire {

std::vector<std::string_view> parts_of_bundle(std::string_view bytes) {
  Head head;
  bool has_death = false;
  const std::size_t body_at = read_head(bytes, head, has_death);
  if (body_at == 0 || head.flags != flag_bundle || has_death) return {};
  MsgpackCursor in(bytes.substr(body_at));
  std::string_view body;
  if (!in.read_bin(body) || !in.at_end()) return {};
  MsgpackCursor list(body);
  std::size_t count = 0;
  if (!list.read_array(count) || count > head.count) return {};
  std::vector<std::string_view> parts(count);
  for (std::string_view& part : parts) {
    if (!list.read_bin(part)) return {};
  }
  return list.at_end() ? parts : std::vector<std::string_view>{};
}

}  // namespace ferry::wire
