// Payloads on their way to a handler, and to the eyes of whoever looks at a dead letter.
//
// Property: our unpacking takes exactly what msgpack-c's own parser takes as one value of bounded
// depth, and makes the same objects of it; packed and unpacked again they stay the same. Whatever
// was unpacked can be asked for any C++ type: it converts or throws a msgpack type error. Nothing
// but msgpack's exceptions is thrown, and nothing that msgpack refuses is shown as JSON.

#include <map>
#include <msgpack.hpp>
#include <optional>
#include <tuple>
#include <vector>

#include "cli/parts/payload_view.hpp"
#include "ferry/batch.hpp"
#include "fuzz/property.hpp"
#include "wire/limits.hpp"

namespace ferry {
namespace {

using fuzz::require;

struct Inner {
  std::string name;
  std::optional<double> weight;
  MSGPACK_DEFINE_MAP(name, weight)
};

/// A job with a field of nearly every shape.
struct Everything {
  std::int32_t small = 0;
  std::uint64_t large = 0;
  bool flag = false;
  float ratio = 0;
  std::string text;
  std::vector<char> raw;
  std::vector<Inner> list;
  std::map<std::string, std::vector<std::string>> table;
  std::tuple<int, std::string> pair;
  MSGPACK_DEFINE_MAP(small, large, flag, ratio, text, raw, list, table, pair)
};

struct Positional {
  int first = 0;
  Inner second;
  MSGPACK_DEFINE(first, second)
};

std::string packed(const msgpack::object& object) {
  msgpack::sbuffer buffer;
  msgpack::pack(buffer, object);
  return {buffer.data(), buffer.size()};
}

/// msgpack-c's parser under the same limits.
std::optional<std::string> as_msgpack_packs_it(std::string_view payload) {
  const std::size_t most = payload.size();
  const msgpack::unpack_limit limit(most, most, most, most, most, wire::max_payload_depth);
  try {
    std::size_t end = 0;
    const msgpack::object_handle handle =
        msgpack::unpack(payload.data(), payload.size(), end, nullptr, nullptr, limit);
    if (end != payload.size()) return std::nullopt;
    return packed(handle.get());
  } catch (const msgpack::unpack_error&) {
    return std::nullopt;
  }
}

template <typename T>
void require_convertible_or_refused(const msgpack::object& object) {
  try {
    T value;
    object.convert(value);
  } catch (const msgpack::type_error&) {
    return;  // what a handler's job becomes a dead letter for
  }
}

void check(std::string_view payload) {
  msgpack::zone zone;
  msgpack::object object;
  std::optional<std::string> ours;
  try {
    object = detail::unpack_payload(payload, zone);
    ours = packed(object);
  } catch (const msgpack::unpack_error& error) {
    fuzz::require_message(error.what());
  }
  // Nested promises make msgpack-c take memory for each level.
  if (payload.size() <= 4096) {
    require(ours == as_msgpack_packs_it(payload), "msgpack-c reads the same");
  }
  const auto shown = cli::payload_as_json(payload);
  require(!shown || ours, "what cannot be unpacked is not shown");
  if (!ours) return;
  msgpack::zone other;
  require(packed(detail::unpack_payload(*ours, other)) == *ours, "packed again it stays the same");
  require_convertible_or_refused<Everything>(object);
  require_convertible_or_refused<Positional>(object);
  require_convertible_or_refused<std::vector<std::map<std::string, Inner>>>(object);
  require_convertible_or_refused<std::map<int, std::tuple<std::string, bool>>>(object);
}

}  // namespace
}  // namespace ferry

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ferry::check(ferry::fuzz::text_of(data, size));
  return 0;
}
