#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace ferry::cli {

/// A payload for people: msgpack as JSON. Binary values become `{"hex": "…"}`, extensions
/// `{"extension": type, "hex": "…"}`.
///
/// Returns: nothing when the bytes are not exactly one msgpack value, when they nest deeper than
/// Ferry allows, or when a map has keys that are not text.
std::optional<nlohmann::json> payload_as_json(std::string_view payload);

}  // namespace ferry::cli
