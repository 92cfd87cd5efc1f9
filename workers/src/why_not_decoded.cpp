#include <array>
#include <exception>
#include <functional>

#include "ferry/batch.hpp"
#include "ferry/field_rules.hpp"
#include "one_line.hpp"

namespace ferry::detail {
namespace {

constexpr std::size_t most_quoted = 64;
/// Of structs in structs.
constexpr int deepest = 16;

/// A kind of value, and one of it that nearly every type of that kind takes.
struct Sample {
  std::string_view name;
  msgpack::object value;
};

msgpack::object nil() {
  msgpack::object value;
  value.type = msgpack::type::NIL;
  return value;
}

msgpack::object bytes(msgpack::type::object_type type) {
  msgpack::object value;
  value.type = type;
  if (type == msgpack::type::STR) {
    value.via.str = {0, ""};
  } else {
    value.via.bin = {0, ""};
  }
  return value;
}

msgpack::object list(msgpack::type::object_type type) {
  msgpack::object value;
  value.type = type;
  if (type == msgpack::type::ARRAY) {
    value.via.array = {0, nullptr};
  } else {
    value.via.map = {0, nullptr};
  }
  return value;
}

msgpack::object timestamp() {
  static constexpr char content[] = {static_cast<char>(-1), 0, 0, 0, 0};
  msgpack::object value;
  value.type = msgpack::type::EXT;
  value.via.ext.ptr = content;
  value.via.ext.size = 4;
  return value;
}

std::string_view name_of(const msgpack::object& value) {
  switch (value.type) {
    case msgpack::type::NIL:
      return "nil";
    case msgpack::type::BOOLEAN:
      return "true or false";
    case msgpack::type::POSITIVE_INTEGER:
    case msgpack::type::NEGATIVE_INTEGER:
      return "a whole number";
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
      return "a number with a fraction";
    case msgpack::type::STR:
      return "text";
    case msgpack::type::BIN:
      return "bytes";
    case msgpack::type::ARRAY:
      return "a list";
    case msgpack::type::MAP:
      return "a map";
    case msgpack::type::EXT:
      return "an extension";
  }
  return "something unknown";
}

/// Finds out by trying. Fields that are missing keep their default value, so a payload with some of
/// its fields is refused only if one of these is to blame.
class Search {
 public:
  explicit Search(TryDecode try_decode) : try_decode_(try_decode) {}

  struct Found {
    std::string path;  ///< as in `address.street` or `tags[2]`; empty = the payload itself
    msgpack::object value;
    std::string expected;  ///< empty = not found out
  };

  Found run(const msgpack::object& root) {
    Found found{{}, root, {}};
    narrow(
        found, [](const msgpack::object& value) { return value; }, 0);
    return found;
  }

 private:
  /// Puts a value into the payload at the place that is looked at.
  using Put = std::function<msgpack::object(const msgpack::object&)>;

  bool takes(const msgpack::object& root) const {
    try {
      try_decode_(root);
      return true;
    } catch (...) {
      return false;
    }
  }

  static std::uint32_t size_of(const msgpack::object& list) {
    return list.type == msgpack::type::MAP ? list.via.map.size : list.via.array.size;
  }
  static msgpack::object first_of(msgpack::object list, std::uint32_t count) {
    (list.type == msgpack::type::MAP ? list.via.map.size : list.via.array.size) = count;
    return list;
  }

  void narrow(Found& found, const Put& put, int depth) {
    const msgpack::object list = found.value;
    const bool is_list = list.type == msgpack::type::MAP || list.type == msgpack::type::ARRAY;
    if (!is_list || depth == deepest || size_of(list) == 0 || !takes(put(first_of(list, 0)))) {
      found.expected = expected(found.value, put);
      return;
    }
    // The shortest beginning that is refused ends in what is to blame.
    std::uint32_t taken = 0;
    std::uint32_t refused = size_of(list);
    while (refused - taken > 1) {
      const std::uint32_t middle = taken + (refused - taken) / 2;
      (takes(put(first_of(list, middle))) ? taken : refused) = middle;
    }
    if (list.type == msgpack::type::MAP) {
      const msgpack::object_kv& pair = list.via.map.ptr[taken];
      if (pair.key.type != msgpack::type::STR) return;
      const std::string_view name(pair.key.via.str.ptr, pair.key.via.str.size);
      if (!found.path.empty()) found.path += '.';
      found.path += one_line(name, most_quoted);
      found.value = pair.val;
    } else {
      found.path += '[' + std::to_string(taken) + ']';
      found.value = list.via.array.ptr[taken];
    }
    narrow(found, inside(put, list, taken), depth + 1);
  }

  /// Puts a value in place of the last element of a beginning.
  Put inside(const Put& put, const msgpack::object& list, std::uint32_t at) {
    return [this, put, list, at](const msgpack::object& value) {
      msgpack::object copy = first_of(list, at + 1);
      if (list.type == msgpack::type::MAP) {
        copy.via.map.ptr = copied(list.via.map.ptr, at + 1);
        copy.via.map.ptr[at].val = value;
      } else {
        copy.via.array.ptr = copied(list.via.array.ptr, at + 1);
        copy.via.array.ptr[at] = value;
      }
      return put(copy);
    };
  }

  template <typename Element>
  Element* copied(const Element* from, std::uint32_t count) {
    auto* to = static_cast<Element*>(
        zone_.allocate_align(count * sizeof(Element), MSGPACK_ZONE_ALIGNOF(Element)));
    std::copy(from, from + count, to);
    return to;
  }

  std::string expected(const msgpack::object& value, const Put& put) {
    const std::array samples{
        Sample{"true or false", msgpack::object(true)},
        Sample{"a number", msgpack::object(0.5)},
        Sample{"a whole number", msgpack::object(1)},
        Sample{"text", bytes(msgpack::type::STR)},
        Sample{"bytes", bytes(msgpack::type::BIN)},
        Sample{"a list", list(msgpack::type::ARRAY)},
        Sample{"a map", list(msgpack::type::MAP)},
        Sample{"a time", timestamp()},
        Sample{"nil", nil()},
    };
    std::string text;
    // What takes fractions takes whole numbers, and what takes text mostly bytes.
    bool number = false;
    bool words = false;
    for (const Sample& sample : samples) {
      if ((sample.name == "a whole number" && number) || (sample.name == "bytes" && words))
        continue;
      if (!takes(put(sample.value))) continue;
      if (sample.name == name_of(value)) return "another one: it is out of range";
      number = number || sample.name == "a number";
      words = words || sample.name == "text";
      text += (text.empty() ? "" : " or ") + std::string(sample.name);
    }
    return text;
  }

  TryDecode try_decode_;
  msgpack::zone zone_;
};

}  // namespace

std::string why_not_decoded(std::string_view kind, std::string_view payload,
                            std::string_view thrown, TryDecode try_decode) {
  const std::string of_kind = " (kind \"" + std::string(kind) + "\")";
  const std::string why = "payload cannot be decoded: ";
  msgpack::zone zone;
  msgpack::object root;
  try {
    root = unpack_payload(payload, zone);
  } catch (const std::exception&) {
    return why + std::string(thrown) + of_kind;  // it is no msgpack value at all
  }
  const Search::Found found = Search(try_decode).run(root);
  std::string text = why +
                     (found.path.empty() ? std::string("it") : "field \"" + found.path + "\"") +
                     " holds " + std::string(name_of(found.value));
  if (!found.expected.empty()) text += ", expected " + found.expected;
  // msgpack-c has but one word for a wrong type; the job's own code may have more.
  if (thrown != std::string_view(msgpack::type_error().what())) text += ": " + std::string(thrown);
  return text + of_kind;
}

}  // namespace ferry::detail
