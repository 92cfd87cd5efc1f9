#pragma once

#include <cstdint>
#include <string>

#include "model/random_source.hpp"

namespace ferry::model {

/// Draws what calls are made of: envelopes, numbers, and now and then something that is wrong.
class CallParts {
 public:
  explicit CallParts(RandomSource& random) : random_(random) {}

  /// Sixteen bytes of every kind.
  std::string next_id();
  /// An envelope as a head and a body of some bytes; rarely one that may not share a bundle. The
  /// functions read no further than the head of a compressed body.
  std::string envelope_of(std::uint64_t jobs, const std::string& id, bool short_form = true);
  std::string fresh_envelope();
  std::string broken_envelope();
  /// The envelope of one job of another, as a worker makes it for a job that moves.
  std::string moved(const std::string& envelope, std::size_t index);
  static std::string number(std::int64_t value) { return std::to_string(value); }
  /// What has not the form of a name in `parked`.
  std::string odd_name();
  /// A number, rarely something that is none.
  std::string told(std::int64_t value);

 private:
  std::string body(const std::string& content);
  std::string frame();

  RandomSource& random_;
  std::uint64_t next_id_ = 0;
};

}  // namespace ferry::model
