#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/differential.hpp"
#include "model/lua_mutants.hpp"
#include "redis/connection.hpp"

namespace ferry::model {

/// What became of a mutant.
struct Judgement {
  enum class Kind { not_loaded, found_by_twin, found_by_test, explained, survived };
  Kind kind = Kind::survived;
  std::string by;  ///< the operation, the test program or the reason
};

/// Runs mutants of the library against the twin, and those that the twin does not find against the
/// tests of the functions.
class MutationRun {
 public:
  /// `sequences` random sequences of 250 operations are what a mutant has to pass.
  MutationRun(redis::Connection& connection, std::size_t sequences);

  Judgement judge(const Mutant& mutant);

 private:
  bool load(const Mutant& mutant);
  std::string failing_test(const Mutant& mutant) const;

  redis::Connection& connection_;
  std::vector<std::vector<Operation>> sequences_;
  std::vector<std::vector<Effect>> expected_;
  std::map<std::string, std::string> reasons_;  ///< of mutants that change nothing
};

/// A table of what became of all, and the list of those that nobody noticed.
class MutationReport {
 public:
  void add(const Mutant& mutant, const Judgement& judgement);
  std::string text() const;
  std::size_t survivors() const { return survivors_.size(); }
  /// Functions in which nothing that was taken out was noticed.
  std::vector<std::string> unguarded() const;

 private:
  using Row = std::map<Judgement::Kind, std::size_t>;
  std::map<std::pair<std::string, std::string>, Row> rows_;  ///< by file and function
  std::vector<std::string> explained_;
  std::vector<std::string> survivors_;
};

}  // namespace ferry::model
