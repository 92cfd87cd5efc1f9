#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ferry::detail {

/// A dead letter's name and time of death, as `dead` has them.
struct DeadName {
  std::string name;
  double died_at_ms = 0;
};

/// Decides which dead letters come next in a walk over those that were dead when it began: each
/// once, none left out. Letters that the walk takes out may die again meanwhile, under the same
/// name and with a later time; others may take letters out as well.
///
/// A rank tells the place in `dead`; all that stood before the place and is gone was taken out by
/// the walk. So the place is right behind the last letter that the walk left where it was.
///
/// Threads: one thread at a time. No I/O.
class DeadWalk {
 public:
  /// `until_ms`: when it began; `letters`: how many there were.
  DeadWalk(double until_ms, std::int64_t letters) : until_ms_(until_ms), most_(letters) {}

  bool over() const { return over_ || most_ <= 0; }

  /// Returns: the letter behind which the next page begins; null = it begins with the first one.
  const std::string* anchor() const { return left_.empty() ? nullptr : &left_.back().name; }

  /// `rank` and `died_at_ms` of the anchor as they are now; nothing when it is not there.
  ///
  /// Returns: the rank at which the next page begins; nothing when there is another anchor to ask.
  std::optional<std::int64_t> begin(std::optional<std::pair<std::int64_t, double>> anchor) {
    if (left_.empty()) return 0;
    if (anchor && anchor->second == left_.back().died_at_ms) return anchor->first + 1;
    left_.pop_back();
    return std::nullopt;
  }

  /// Told of letters that the walk itself made of others, and left there: they are not looked at.
  void made(std::span<const std::string> names) { made_.insert(names.begin(), names.end()); }

  /// Returns: those of a page that are to be looked at now.
  std::vector<std::string> take(std::vector<DeadName> page) {
    std::vector<std::string> names;
    over_ = page.empty();
    page_ = std::move(page);
    for (std::size_t i = 0; i < page_.size(); ++i) {
      const DeadName& letter = page_[i];
      if (letter.died_at_ms > until_ms_ || most_ <= 0) {
        over_ = true;
        page_.resize(i);
        break;
      }
      if (made_.contains(letter.name)) continue;
      // One that was put back and died again in the millisecond in which the walk began.
      if (letter.died_at_ms == until_ms_ && first_ones_.contains(letter.name)) continue;
      if (first_ones_.size() < most_first) first_ones_.insert(letter.name);
      --most_;
      names.push_back(letter.name);
    }
    return names;
  }

  /// The letters of the page that was taken last; `settle` is told about each.
  const std::vector<DeadName>& page() const { return page_; }

  /// Told what became of the page: when each of it died, as `dead` has it now; nothing = gone.
  ///
  /// Returns: the names of those that are where they were.
  std::vector<std::string> settle(const std::vector<std::optional<double>>& died_at_ms) {
    std::vector<std::string> left;
    for (std::size_t i = 0; i < page_.size() && i < died_at_ms.size(); ++i) {
      if (died_at_ms[i] != page_[i].died_at_ms) continue;
      left.push_back(page_[i].name);
      left_.push_back(page_[i]);
    }
    while (left_.size() > most_left) left_.pop_front();
    return left;
  }

 private:
  /// Only the last one is needed, unless others take it away.
  static constexpr std::size_t most_left = 1000;
  /// More than can be put back within the millisecond in which the walk began.
  static constexpr std::size_t most_first = 10'000;

  double until_ms_;
  std::int64_t most_;
  bool over_ = false;
  std::vector<DeadName> page_;
  std::deque<DeadName> left_;
  std::set<std::string> first_ones_;
  std::set<std::string> made_;
};

}  // namespace ferry::detail
