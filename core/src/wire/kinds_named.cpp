#include "wire/kinds_named.hpp"

#include <algorithm>
#include <memory>

#include "wire/envelope.hpp"
#include "wire/envelope_head.hpp"
#include "wire/msgpack_cursor.hpp"
#include "wire/names.hpp"
#include "wire/zstd_frame.hpp"

namespace ferry::wire {
namespace {

constexpr std::size_t most_kinds = 16;
/// A wrapped bundle has parts: deeper goes no envelope.
constexpr int most_depth = 3;

/// Reads the body; of one that is cut off, what is left of it. What stands in front of it, as later
/// versions may write it, is passed over.
bool read_body(MsgpackCursor& in, std::string_view& body) {
  constexpr int values_in_front = 2;
  for (int i = 0; i <= values_in_front && !in.at_end(); ++i) {
    if (in.read_bin(body)) return true;
    const unsigned char type = in.type();
    if (type >= 0xc4 && type <= 0xc6) {
      const std::size_t header = type == 0xc4 ? 2 : type == 0xc5 ? 3 : 5;
      return in.pass(std::min(header, in.left())) && in.read_raw(in.left(), body);
    }
    if (!in.skip()) return false;
  }
  return false;
}

class KindReader {
 public:
  void envelope(std::string_view bytes, int depth) {
    Head head;
    bool has_death = false;
    const std::size_t body_at = read_head(bytes, head, has_death);
    if (body_at == 0 || depth > most_depth || kinds_.size() == most_kinds) return;
    MsgpackCursor in(bytes.substr(body_at));
    std::string_view body;
    if (!read_body(in, body)) return;
    if ((head.flags & flag_opaque) != 0) return envelope(body, depth + 1);
    std::unique_ptr<char[]> buffer;
    if ((head.flags & flag_zstd) != 0) {
      std::size_t inflated = 0;
      if (!inflate(body, max_inflated_bytes - inflated_bytes_, buffer, inflated).empty()) return;
      inflated_bytes_ += inflated;
      body = {buffer.get(), inflated};
    }
    (head.flags & flag_bundle) != 0 ? parts(body, depth) : table(body);
  }

  std::vector<std::string> take() { return std::move(kinds_); }

 private:
  void parts(std::string_view body, int depth) {
    MsgpackCursor in(body);
    std::size_t count = 0;
    if (!in.read_array(count)) return;
    std::string_view part;
    for (std::size_t i = 0; i < count && in.read_bin(part); ++i) envelope(part, depth + 1);
  }

  void table(std::string_view body) {
    MsgpackCursor in(body);
    std::size_t count = 0;
    if (!in.read_array(count) || !in.skip() || !in.read_array(count)) return;
    std::string_view kind;
    for (std::size_t i = 0; i < count && kinds_.size() < most_kinds && in.read_str(kind); ++i) {
      const bool seen = std::ranges::find(kinds_, kind) != kinds_.end();
      if (is_name(kind) && !seen) kinds_.emplace_back(kind);
    }
  }

  std::vector<std::string> kinds_;
  std::size_t inflated_bytes_ = 0;
};

}  // namespace

std::vector<std::string> kinds_named(std::string_view envelope) {
  KindReader reader;
  reader.envelope(envelope, 0);
  return reader.take();
}

}  // namespace ferry::wire
