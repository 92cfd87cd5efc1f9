#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/job.hpp"

namespace ferry {

/// Which payloads a handler refuses although they can be decoded: those become dead letters with
/// the field's name. Without rules a field that is missing keeps its default value, so that fields
/// can be added, and one that is not known is passed over. Counts for the fields of the job itself,
/// not for those of structs inside it.
struct FieldRules {
  /// These must be there; each is a field of the job.
  std::vector<std::string> required{};
  /// All fields must be there.
  bool refuse_missing = false;
  /// No other fields may be there: until all workers know a new field, its jobs die.
  bool refuse_unknown = false;

  bool any() const { return refuse_missing || refuse_unknown || !required.empty(); }
};

namespace detail {

/// Looks whether payloads keep to a handler's rules.
///
/// Threads: any.
class FieldCheck {
 public:
  /// `example` is a packed job: a map with all its fields.
  ///
  /// Errors: `invalid_argument` for a required field that it has not, and for a job that is stored
  /// without the names of its fields.
  FieldCheck(FieldRules rules, std::string_view kind, std::string_view example);

  /// Returns: why the payload is refused; empty when it is not, or cannot be read at all.
  std::string problem(std::string_view payload, msgpack::zone& zone) const;

 private:
  std::string kind_;
  std::vector<std::string> known_;     ///< in order; empty = all are taken
  std::vector<std::string> required_;  ///< in order
};

/// Returns: null where there are no rules.
template <Job T>
std::shared_ptr<const FieldCheck> field_check_of(const FieldRules& rules) {
  if (!rules.any()) return nullptr;
  msgpack::sbuffer example;
  msgpack::pack(example, T{});
  return std::make_shared<const FieldCheck>(rules, T::kind,
                                            std::string_view(example.data(), example.size()));
}

/// Makes a job of an object, and throws it away.
///
/// Errors: throws what msgpack and the job's own code throw.
using TryDecode = void (*)(const msgpack::object& object);

/// Returns: what a dead letter says of a payload of which no job could be made: the kind, the
/// field, what it holds and what its type takes, as far as that can be found out by trying. Never
/// what the payload says.
std::string why_not_decoded(std::string_view kind, std::string_view payload,
                            std::string_view thrown, TryDecode try_decode);

}  // namespace detail
}  // namespace ferry
