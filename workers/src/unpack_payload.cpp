#include <msgpack.hpp>
#include <string_view>

#include "ferry/batch.hpp"
#include "wire/limits.hpp"
#include "wire/msgpack_cursor.hpp"

namespace ferry::detail {

msgpack::object_handle unpack_payload(std::string_view payload) {
  // msgpack-c makes room for as many elements as a header names, at every level of nesting. A limit
  // for each array alone would allow 64 nested ones of 8 million elements; so first a walk that
  // allocates nothing shows that all elements together fit into the bytes that are there.
  wire::MsgpackCursor whole(payload);
  if (!whole.skip()) {
    throw msgpack::insufficient_bytes(
        "the payload is no msgpack value: it is cut off, or a length in it is larger than the "
        "payload");
  }
  if (!whole.at_end()) {
    throw msgpack::parse_error("the payload is followed by " + std::to_string(whole.left()) +
                               " other bytes");
  }
  const msgpack::unpack_limit limit(payload.size(), payload.size() / 2, payload.size(),
                                    payload.size(), payload.size(), wire::max_payload_depth);
  // Strings and bins stay where they are: the payload outlives the handler's call, the handle need
  // not.
  const auto refer = [](msgpack::type::object_type, std::size_t, void*) { return true; };
  std::size_t offset = 0;
  return msgpack::unpack(payload.data(), payload.size(), offset, refer, nullptr, limit);
}

}  // namespace ferry::detail
