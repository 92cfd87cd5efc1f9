#include "functions/library.hpp"

#include <charconv>
#include <optional>
#include <string>

#include "ferry/error.hpp"
#include "functions/replies.hpp"
#include "redis/errors.hpp"
#include "redis/server_info.hpp"

namespace ferry {
namespace {

constexpr std::string_view text_of_library =
#include "library_text.inc"
    ;

// Each turn means that another loader came between; more than a few of them are no race.
constexpr int most_turns = 5;

void require_functions(redis::Connection& connection) {
  const auto info = redis::server_info(connection, "server");
  if (!info) return;
  const std::string_view version = redis::field(*info, "redis_version");
  if (version.empty() || redis::has_functions(version)) return;
  throw Error(ErrorCode::unsupported, "Redis " + std::string(version) + " at " +
                                          connection.endpoint().redacted() +
                                          " is too old; Ferry needs 7.0 or later");
}

/// Returns: the revision loaded there, or nothing when there is none.
std::optional<std::int64_t> loaded_revision(redis::Connection& connection) {
  const redis::ReplyPtr reply = connection.command({"FCALL", "ferry_v1_revision", "0"});
  const redis::Reply& root = reply->root();
  if (root.type == redis::Reply::Type::integer) return root.integer;
  if (!root.is_error()) throw unknown_reply("ferry_v1_revision", root);
  if (redis::remedy_of(root.text) == redis::Remedy::install) return std::nullopt;
  const Error error = redis::error_of(root.text);
  if (error.code() == ErrorCode::unsupported) require_functions(connection);
  if (error.code() == ErrorCode::denied && root.text.starts_with("NOPERM")) {
    throw Error(ErrorCode::denied, std::string(error.what()) +
                                       "; Ferry's users need +fcall, and `ferry setup` needs "
                                       "+function|load too");
  }
  throw error;
}

/// Returns: false when another loader was faster.
bool load(redis::Connection& connection, bool replace) {
  const redis::ReplyPtr reply =
      replace ? connection.command({"FUNCTION", "LOAD", "REPLACE", text_of_library})
              : connection.command({"FUNCTION", "LOAD", text_of_library});
  const redis::Reply& root = reply->root();
  if (!root.is_error()) return true;
  if (!replace && root.text.find("already exists") != std::string_view::npos) return false;
  const Error error = redis::error_of(root.text);
  if (error.code() != ErrorCode::denied) throw error;
  throw Error(ErrorCode::denied,
              "the user may not load Ferry's functions at " + connection.endpoint().redacted() +
                  "; run `ferry setup` as a user who may (ACL +function|load), then start again");
}

}  // namespace

std::string_view library_text() { return text_of_library; }

int library_revision() {
  constexpr std::string_view mark = "\nlocal revision = ";
  constexpr std::size_t at = text_of_library.find(mark);
  static_assert(at != std::string_view::npos, "library.lua says its revision");
  int revision = 0;
  std::from_chars(text_of_library.data() + at + mark.size(),
                  text_of_library.data() + text_of_library.size(), revision);
  return revision;
}

bool ensure_library(redis::Connection& connection) {
  bool loaded = false;
  for (int turn = 0; turn < most_turns; ++turn) {
    const auto revision = loaded_revision(connection);
    if (revision && *revision >= library_revision()) return loaded;
    // Without REPLACE where there was nothing: it must not undo a later revision of a faster
    // loader.
    loaded = load(connection, revision.has_value());
  }
  throw Error(ErrorCode::unavailable, "Ferry's functions at " + connection.endpoint().redacted() +
                                          " are replaced again and again; look for programs of "
                                          "another version that set up at the same time");
}

}  // namespace ferry
