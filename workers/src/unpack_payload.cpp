#include <bit>
#include <cstring>
#include <msgpack.hpp>
#include <string_view>

#include "ferry/batch.hpp"
#include "wire/limits.hpp"
#include "wire/msgpack_cursor.hpp"

namespace ferry::detail {
namespace {

/// Makes msgpack-c's objects of a payload. Strings and bins stay where they are; only lists of
/// elements take memory, of the zone.
///
/// Not msgpack-c's own parser: it allocates three times for each call, which cost more than all the
/// rest of a job, and it makes room for as many elements as a header names, at every level of
/// nesting. Here all elements together must fit into the bytes that are there.
class Builder {
 public:
  Builder(std::string_view payload, msgpack::zone& zone) : in_(payload), zone_(zone) {}

  msgpack::object whole() {
    msgpack::object root;
    value(root, 0);
    if (!in_.at_end()) {
      throw msgpack::parse_error("the payload is followed by " + std::to_string(in_.left()) +
                                 " other bytes");
    }
    return root;
  }

 private:
  void require(bool read) const {
    if (!read) {
      throw msgpack::insufficient_bytes(
          "the payload is no msgpack value: it is cut off, or a length in it is larger than the "
          "payload");
    }
  }

  void value(msgpack::object& to, std::size_t depth) {
    require(!in_.at_end());
    const unsigned char type = in_.type();
    if (type >= 0xa0 && type <= 0xbf) return str(to);
    if (in_.next_is_integer()) return integer(to);
    if (type <= 0x8f) return map(to, depth);
    if (type <= 0x9f) return array(to, depth);
    switch (type) {
      case 0xc0:
        to.type = msgpack::type::NIL;
        return require(in_.pass(1));
      case 0xc1:
        throw msgpack::parse_error("the payload is no msgpack value: it has the byte c1");
      case 0xc2:
      case 0xc3:
        to.type = msgpack::type::BOOLEAN;
        to.via.boolean = type == 0xc3;
        return require(in_.pass(1));
      case 0xca:
      case 0xcb:
        return floating(to, type == 0xca);
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return bin(to);
      case 0xd9:
      case 0xda:
      case 0xdb:
        return str(to);
      case 0xdc:
      case 0xdd:
        return array(to, depth);
      case 0xde:
      case 0xdf:
        return map(to, depth);
      default:
        return ext(to);
    }
  }

  void integer(msgpack::object& to) {
    to.type = msgpack::type::POSITIVE_INTEGER;
    std::int64_t number = 0;
    // What lies above 2^63 - 1 is not read as an int, and the cursor stays before it.
    if (!in_.read_int(number)) return require(in_.read_uint(to.via.u64));
    to.via.u64 = static_cast<std::uint64_t>(number);
    if (number >= 0) return;
    to.type = msgpack::type::NEGATIVE_INTEGER;
    to.via.i64 = number;
  }

  void floating(msgpack::object& to, bool is_short) {
    std::string_view bytes;
    require(in_.pass(1) && in_.read_raw(is_short ? 4 : 8, bytes));
    std::uint64_t bits = 0;
    for (const char byte : bytes) bits = bits << 8 | static_cast<unsigned char>(byte);
    to.type = is_short ? msgpack::type::FLOAT32 : msgpack::type::FLOAT64;
    to.via.f64 = is_short
                     ? static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)))
                     : std::bit_cast<double>(bits);
  }

  void str(msgpack::object& to) {
    std::string_view text;
    require(in_.read_str(text));
    to.type = msgpack::type::STR;
    to.via.str.ptr = text.data();
    to.via.str.size = static_cast<std::uint32_t>(text.size());
  }

  void bin(msgpack::object& to) {
    std::string_view bytes;
    require(in_.read_bin(bytes));
    to.type = msgpack::type::BIN;
    to.via.bin.ptr = bytes.data();
    to.via.bin.size = static_cast<std::uint32_t>(bytes.size());
  }

  /// What has one more byte than its size says: the type of its own.
  void ext(msgpack::object& to) {
    const unsigned char type = in_.type();
    std::size_t size = 0;
    require(in_.pass(1));
    if (type >= 0xd4) {  // fixext 1 to 16
      size = std::size_t{1} << (type - 0xd4);
    } else {  // ext 8 to 32
      std::string_view length;
      require(in_.read_raw(std::size_t{1} << (type - 0xc7), length));
      for (const char byte : length) size = size << 8 | static_cast<unsigned char>(byte);
    }
    std::string_view bytes;
    require(in_.read_raw(1 + size, bytes));
    to.type = msgpack::type::EXT;
    to.via.ext.ptr = bytes.data();
    to.via.ext.size = static_cast<std::uint32_t>(size);
  }

  /// Room for the elements of one list, once it is sure that the bytes for all elements are there.
  template <typename Element>
  Element* elements(std::size_t count, std::size_t values, std::size_t depth) {
    if (depth >= wire::max_payload_depth) {
      throw msgpack::depth_size_overflow("the payload is nested more than " +
                                         std::to_string(wire::max_payload_depth) + " deep");
    }
    owed_ += values;
    require(owed_ <= in_.left());
    if (count == 0) return nullptr;
    return static_cast<Element*>(
        zone_.allocate_align(count * sizeof(Element), MSGPACK_ZONE_ALIGNOF(Element)));
  }

  void array(msgpack::object& to, std::size_t depth) {
    std::size_t count = 0;
    require(in_.read_array(count));
    to.via.array.ptr = elements<msgpack::object>(count, count, depth);
    to.via.array.size = static_cast<std::uint32_t>(count);
    to.type = msgpack::type::ARRAY;
    for (std::size_t i = 0; i < count; ++i) {
      --owed_;
      value(to.via.array.ptr[i], depth + 1);
    }
  }

  void map(msgpack::object& to, std::size_t depth) {
    std::size_t pairs = 0;
    require(in_.read_map(pairs));
    to.via.map.ptr = elements<msgpack::object_kv>(pairs, 2 * pairs, depth);
    to.via.map.size = static_cast<std::uint32_t>(pairs);
    to.type = msgpack::type::MAP;
    for (std::size_t i = 0; i < pairs; ++i) {
      --owed_;
      value(to.via.map.ptr[i].key, depth + 1);
      --owed_;
      value(to.via.map.ptr[i].val, depth + 1);
    }
  }

  wire::MsgpackCursor in_;
  msgpack::zone& zone_;
  std::size_t owed_ = 0;  ///< values that were promised and have not begun
};

}  // namespace

msgpack::object unpack_payload(std::string_view payload, msgpack::zone& zone) {
  return Builder(payload, zone).whole();
}

}  // namespace ferry::detail
