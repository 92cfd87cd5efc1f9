#pragma once

#include <map>
#include <string>

#include "model/worker_mind.hpp"

namespace ferry::model {

/// What became of every accepted job, written down beside the queue: a job ends only by a call that
/// says so, of the worker that holds it, and what has ended stays so.
class Ledger {
 public:
  /// An envelope was handed over.
  void gave(const EntryKey& key, const std::string& worker) { owners_[key] = worker; }

  /// Looks at what a call did.
  ///
  /// Returns: what is wrong with it, or nothing.
  std::string look(const SentCall& sent, const Answer& answer, const Twin& before,
                   const Twin& after);

  /// Jobs that are neither done, expired nor cancelled.
  std::size_t live() const;
  std::size_t accepted() const { return fates_.size(); }

 private:
  char fate_of(std::int64_t number, const SentCall& sent, const Twin& before) const;
  std::string books(const Twin& after) const;

  std::map<std::int64_t, char> fates_;      ///< `l` live, d done, e expired, c cancelled
  std::map<EntryKey, std::string> owners_;  ///< who was last given an entry
};

}  // namespace ferry::model
