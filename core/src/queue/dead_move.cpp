#include "queue/dead_move.hpp"

#include <utility>

namespace ferry::detail {
namespace {

std::string name_of(char digit, const JobId& id) {
  return dead_names_of({&id, 1})[static_cast<std::size_t>(digit - '0')];
}

}  // namespace

DeadMove::DeadMove(redis::Connection& connection, const Keys& keys)
    : connection_(connection), keys_(keys) {}

void DeadMove::act(std::span<const std::string> names, std::uint64_t now_ms) {
  why_.clear();
  contents_.clear();
  passed_.clear();
  made_.clear();
  now_ms_ = now_ms;
  act_on(names, parked_sizes(connection_, keys_, names));
}

std::vector<std::string> DeadMove::made() const {
  std::vector<std::string> left;
  for (const std::string& name : made_) {
    if (passed_.contains(name) || why_.contains(name)) left.push_back(name);
  }
  return left;
}

DeadLeft DeadMove::left_behind(const std::string& name) const {
  const auto reason = why_.find(name);
  const std::string why = reason == why_.end() ? "Redis passed it over" : reason->second;
  const auto contents = contents_.find(name);
  const auto [jobs, kinds, expired] = contents == contents_.end() ? Contents{} : contents->second;
  const auto id = id_in_name(name);
  return {id.value_or(JobId{}),
          true,
          id ? why : "\"" + one_line(name) + "\": " + why,
          jobs,
          kinds,
          expired};
}

std::vector<std::string> DeadMove::split(const std::string& name, std::vector<DeadPart>& parts) {
  const char digit = name.front();
  std::vector<std::string> names;
  for (const DeadPart& part : parts) names.push_back(name_of(digit, part.first_id));
  // An id that something else is parked under already, or another part: any other will do.
  const auto sizes = parked_sizes(connection_, keys_, names);
  std::set<std::string> seen;
  std::vector<std::string> letters;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (seen.contains(names[i]) || (sizes[i] != 0 && names[i] != name)) {
      const JobId id = fresh_ids_.next(now_ms_);
      names[i] = name_of(digit, id);
      parts[i].letter = with_first_id(std::move(parts[i].letter), id);
    }
    seen.insert(names[i]);
    letters.push_back(std::move(parts[i].letter));
    parts[i].letter = {};
  }
  std::int64_t made = 0;
  const bool went_well = try_on({&name, 1}, [&]() -> std::int64_t {
    made = call_dead_split(connection_, keys_, name, letters);
    return 0;
  });
  if (!went_well) {
    Contents& all = contents_[name];
    all.jobs = 0;
    for (const DeadPart& part : parts) all.jobs += static_cast<std::int64_t>(part.jobs);
  }
  if (made == 0) return {};  // refused, gone meanwhile, or taken apart by somebody else
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (names[i] != name) made_.insert(names[i]);
    parts[i].letter_bytes = letters[i].size();
  }
  return names;
}

void DeadMove::note(const std::string& name, const DeadPart& part) {
  contents_[name] = {static_cast<std::int64_t>(part.jobs), part.kinds, part.expired};
  if (part.fate == DeadPart::Fate::passed) passed_.insert(name);
  if (part.fate == DeadPart::Fate::stays) why_[name] = part.why;
}

}  // namespace ferry::detail
