#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "flow/mix/mix.hpp"

namespace ferry::flow {

/// The whole mix: what `mix_of` reads is the same again.
nlohmann::ordered_json json_of(const Mix& mix);

/// Errors: nlohmann's exceptions and `invalid_argument` of a policy.
Mix mix_of(const nlohmann::ordered_json& json);

/// Returns: one line for people, without what has its usual value.
std::string line_of(const Mix& mix);

}  // namespace ferry::flow
