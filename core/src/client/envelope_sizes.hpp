#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ferry::detail {

/// How many jobs of a kind an envelope should carry at most, as a queue's workers tell: slow work
/// in small envelopes goes to many workers.
class EnvelopeSizes {
 public:
  /// `hints`: as in "index_file=20 send_mail=2"; what has another form is passed over.
  explicit EnvelopeSizes(std::string hints);
  EnvelopeSizes(const EnvelopeSizes&) = delete;
  EnvelopeSizes& operator=(const EnvelopeSizes&) = delete;

  /// Returns: the part of an envelope that a job of this kind fills; 0 = nothing is known of it.
  double part_of(std::string_view kind) const;

  const std::string& hints() const { return hints_; }

 private:
  std::string hints_;
  /// By kind, in order; views into `hints_`, so it is never copied.
  std::vector<std::pair<std::string_view, double>> parts_;
};

}  // namespace ferry::detail
