#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace ferry::revisions {

/// One call of an old program, or one transaction, and what that program reads of the reply.
struct Step {
  std::vector<std::vector<std::string>> commands;  ///< more than one: a transaction
  nlohmann::json reads;                            ///< see pattern.hpp
  bool by_hand = false;                            ///< no call of a program: it prepares something
  bool until = false;      ///< a call that programs repeat: again until the reply is as expected
  bool await_due = false;  ///< made once everything delayed is due
};

struct Scene {
  std::string name;
  std::vector<std::string> after;  ///< scenes that must have been played, as in "producer/six"
  std::vector<Step> steps;
  std::map<std::string, std::int64_t> leaves;  ///< the books afterwards; what is not named is 0
};

/// What the programs of one revision of the library said to Redis: see README.md.
struct Recording {
  int revision = 0;
  std::map<std::string, std::vector<Scene>> roles;
  nlohmann::json left;  ///< what they left in Redis, by their own functions

  /// Errors: `std::out_of_range` for a scene that is not there.
  const Scene& scene(const std::string& role_and_name) const;
};

/// The roles in the order of the table.
inline const std::vector<std::string> role_names{"producer", "worker", "command line"};

/// Errors: what reading JSON throws, with the file's name.
Recording read_recording(const std::filesystem::path& file);

/// Returns: every `revision_N.json` beside this file, the oldest first.
std::vector<Recording> all_recordings();

}  // namespace ferry::revisions
