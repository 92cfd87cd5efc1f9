#include <algorithm>
#include <exception>

#include "ferry/batch.hpp"
#include "ferry/error.hpp"
#include "ferry/field_rules.hpp"
#include "one_line.hpp"

namespace ferry::detail {
namespace {

constexpr std::size_t most_quoted = 64;

std::string_view text_of(const msgpack::object& object) {
  if (object.type != msgpack::type::STR) return {};
  return {object.via.str.ptr, object.via.str.size};
}

std::vector<std::string> names_in(const msgpack::object& object) {
  std::vector<std::string> names;
  if (object.type != msgpack::type::MAP) return names;
  for (std::uint32_t i = 0; i < object.via.map.size; ++i) {
    names.emplace_back(text_of(object.via.map.ptr[i].key));
  }
  std::ranges::sort(names);
  return names;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

[[noreturn]] void refuse(std::string_view kind, const std::string& what) {
  throw Error(ErrorCode::invalid_argument,
              "handler of \"" + std::string(kind) + "\": FieldRules" + what);
}

}  // namespace

FieldCheck::FieldCheck(FieldRules rules, std::string_view kind, std::string_view example)
    : kind_(kind), required_(std::move(rules.required)) {
  msgpack::zone zone;
  const msgpack::object packed = unpack_payload(example, zone);
  std::vector<std::string> fields = names_in(packed);
  if (packed.type != msgpack::type::MAP) {
    refuse(kind, ": the job is stored without names of fields; use MSGPACK_DEFINE_MAP");
  }
  for (const std::string& name : required_) {
    if (std::ranges::binary_search(fields, name)) continue;
    refuse(kind,
           ".required has \"" + name + "\": expected fields of the job (" + listed(fields) + ")");
  }
  if (rules.refuse_missing) required_ = fields;
  if (rules.refuse_unknown) known_ = std::move(fields);
  std::ranges::sort(required_);
}

std::string FieldCheck::problem(std::string_view payload, msgpack::zone& zone) const {
  std::vector<std::string> found;
  try {
    zone.clear();
    const msgpack::object object = unpack_payload(payload, zone);
    if (object.type != msgpack::type::MAP) return {};
    found = names_in(object);
  } catch (const std::exception&) {
    return {};  // decoding it says why
  }
  const auto say = [this](std::string_view field, std::string_view what) {
    return "payload refused: field \"" + one_line(field, most_quoted) + "\" " + std::string(what) +
           " (kind \"" + kind_ + "\")";
  };
  for (const std::string& name : required_) {
    if (!std::ranges::binary_search(found, name)) return say(name, "is missing");
  }
  for (const std::string& name : found) {
    if (known_.empty() || std::ranges::binary_search(known_, name)) continue;
    return say(name, "is not known; known are " + listed(known_));
  }
  return {};
}

}  // namespace ferry::detail
