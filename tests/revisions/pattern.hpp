#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "redis/reply.hpp"
#include "revisions/names.hpp"

namespace ferry::revisions {

/// `exact`: only the player is at the queue. `shape`: others are at work as well, so that numbers,
/// texts and the length of lists of entries may differ; words in first place and shapes may not.
enum class Reading : std::uint8_t { exact, shape };

/// Compares a reply with what an old program reads of it, and remembers the entries in it.
///
/// A pattern is a whole number, `"int"`, `"text"`, `"=some text"` (with names as in Names),
/// `"no error"`, `"any"` (not looked at), null, `{"at least": 4}`, `{"error": "FERRYBAD"}` (the
/// error's first word), `{"entries": 2}` (so many entries of a stream), or a list of patterns. A
/// list that ends in `"..."` is that of a program that passes over further elements; any other one
/// has to be as long as it was. An error is as expected only where it is named or not looked at.
///
/// Returns: what differs, empty when nothing does.
std::string difference(const nlohmann::json& pattern, const redis::Reply& reply, Reading reading,
                       Names& names);

}  // namespace ferry::revisions
