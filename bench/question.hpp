#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "figures.hpp"

namespace ferry::bench {

/// A run and, where there is one, the run of its limit in the same turn.
struct Sample {
  double ours = 0;
  std::optional<double> limit{};
};

/// What one turn found.
struct Turn {
  std::vector<Sample> samples{};  ///< one for each figure of the question, in their order
  /// Found on the way. The last turn's are kept.
  std::map<std::string, std::string> settings{};
};

/// What one file of bench/questions asks: one figure, or several that the same runs answer.
///
/// Errors: every function throws, `Failure` when a run did not do what it should have done.
/// Threads: one thread at a time.
class Question {
 public:
  /// The figures have a name, a unit, perhaps a goal, and no samples.
  explicit Question(std::vector<Figure> figures) : figures_(std::move(figures)) {}
  virtual ~Question() = default;
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  const std::vector<Figure>& figures() const { return figures_; }

  /// Called once, before the first turn: starts servers, and whatever else turns have in common.
  virtual void begin() {}
  /// Neither side may always meet the other's warm caches: `limit_first` says who begins.
  virtual Turn turn(bool limit_first) = 0;

 private:
  std::vector<Figure> figures_;
};

using Questions = std::vector<std::unique_ptr<Question>>;

}  // namespace ferry::bench
