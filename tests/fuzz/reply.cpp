// Replies of Redis, or of whatever answers at its address.
//
// Property: bytes are read as the same replies wherever they are cut, up to the same end: more
// bytes wanted, or an Error `internal` in one line. Replies outlive their reader, have no more
// elements than allowed, and an error among them becomes an Error with a message of one line.

#include <algorithm>
#include <memory>
#include <vector>

#include "ferry/error.hpp"
#include "fuzz/property.hpp"
#include "redis/errors.hpp"
#include "redis/reply_reader.hpp"
#include "redis/server_info.hpp"

namespace ferry::redis {
namespace {

using fuzz::require;

struct Read {
  std::vector<ReplyPtr> replies;
  bool broken = false;
};

/// Takes what is complete; at most so many replies that a long input does not take seconds.
bool take_all(ReplyReader& reader, Read& read) {
  try {
    while (const ReplyPtr reply = reader.next()) read.replies.push_back(reply);
    return true;
  } catch (const Error& error) {
    require(error.code() == ErrorCode::internal, "what is no reply is `internal`");
    fuzz::require_message(error.what());
    read.broken = true;
    return false;
  }
}

Read read_in_pieces(std::string_view bytes, std::size_t piece) {
  Read read;
  ReplyReader reader;
  while (!bytes.empty()) {
    const std::size_t size = std::min(piece, bytes.size());
    reader.feed(bytes.data(), size);
    bytes.remove_prefix(size);
    if (!take_all(reader, read)) break;
  }
  return read;
}

std::size_t require_equal(const Reply& a, const Reply& b) {
  require(a.type == b.type && a.integer == b.integer && a.text == b.text && a.size == b.size,
          "a reply is the same wherever it was cut");
  if (a.is_error()) fuzz::require_message(error_of(a.text).what());
  std::size_t elements = 1;
  for (std::size_t i = 0; i < a.size; ++i) elements += require_equal(a[i], b[i]);
  return elements;
}

}  // namespace
}  // namespace ferry::redis

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ferry::redis;
  const std::string_view bytes = ferry::fuzz::text_of(data, size);
  const Read whole = read_in_pieces(bytes, std::max<std::size_t>(size, 1));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
    const Read cut = read_in_pieces(bytes, piece);
    require(whole.broken == cut.broken, "both end alike");
    require(whole.replies.size() == cut.replies.size(), "both have as many replies");
    for (std::size_t i = 0; i < whole.replies.size(); ++i) {
      const std::size_t elements = require_equal(whole.replies[i]->root(), cut.replies[i]->root());
      require(elements <= size, "elements have been sent, not only promised");
    }
  }
  for (const auto& [name, value] : parse_info(bytes)) {
    require(name.find('\n') == std::string::npos && value.find('\n') == std::string::npos,
            "a field of INFO is one line");
  }
  return 0;
}
