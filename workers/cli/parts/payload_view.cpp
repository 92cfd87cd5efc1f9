#include "cli/parts/payload_view.hpp"

#include <msgpack.hpp>
#include <utility>

#include "cli/parts/text.hpp"
#include "wire/limits.hpp"

namespace ferry::cli {
namespace {

using nlohmann::json;

/// Builds nothing; only says whether the bytes are one value of bounded depth. What follows is
/// recursive and trusts it.
struct DepthCheck : msgpack::null_visitor {
  std::size_t depth = 0;

  bool start_array(std::uint32_t) { return ++depth <= wire::max_payload_depth; }
  bool start_map(std::uint32_t) { return ++depth <= wire::max_payload_depth; }
  bool end_array() {
    --depth;
    return true;
  }
  bool end_map() {
    --depth;
    return true;
  }
};

bool is_one_bounded_value(std::string_view bytes) {
  DepthCheck check;
  std::size_t end = 0;
  try {
    return msgpack::parse(bytes.data(), bytes.size(), end, check) && end == bytes.size();
  } catch (const msgpack::unpack_error&) {
    return false;
  }
}

void show_binaries(json& value) {
  if (value.is_structured()) {
    for (json& element : value) show_binaries(element);
  } else if (value.is_binary()) {
    const auto& bytes = std::as_const(value).get_binary();
    json shown;
    if (bytes.has_subtype()) {
      // nlohmann widens the signed type byte of an extension to 64 bits unsigned.
      shown["extension"] = static_cast<std::int8_t>(bytes.subtype());
    }
    shown["hex"] = hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    value = std::move(shown);
  }
}

}  // namespace

std::optional<json> payload_as_json(std::string_view payload) {
  if (!is_one_bounded_value(payload)) return std::nullopt;
  json value = json::from_msgpack(payload, true, false);
  if (value.is_discarded()) return std::nullopt;
  show_binaries(value);
  return value;
}

}  // namespace ferry::cli
