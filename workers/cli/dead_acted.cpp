#include "cli/dead_acted.hpp"

#include "cli/parts/units.hpp"
#include "cli/views.hpp"

namespace ferry::cli {
namespace {

using nlohmann::json;

constexpr const char* other_reasons = "other reasons";

json json_of(const DeadActed& acted) {
  json letters = json::array();
  for (const DeadLeft& letter : acted.told) {
    letters.push_back({{"id", letter.id.to_string()},
                       {"why", letter.why},
                       {"jobs", letter.jobs},
                       {"kinds", letter.kinds}});
  }
  json reasons = json::array();
  for (const auto& [why, reason] : acted.reasons) {
    reasons.push_back({{"why", why}, {"letters", reason.letters}, {"jobs", reason.jobs}});
  }
  json value{{"name", acted.queue},
             {acted.retry ? "retried" : "dropped", acted.jobs},
             {"not_found", acted.not_found},
             {"left", acted.left.letters},
             {"left_jobs", acted.left.jobs},
             {"reasons", std::move(reasons)},
             {"left_letters", std::move(letters)}};
  if (!acted.only.empty()) value["filter"] = filter_json(acted.only);
  return value;
}

std::string kinds_text(const DeadLeft& letter) {
  std::string text;
  for (const std::string& kind : letter.kinds) text += (text.empty() ? " (" : ", ") + kind;
  return text.empty() ? text : text + ')';
}

void print(Output& output, const DeadActed& acted, std::size_t ids) {
  const std::string queue = "queue " + acted.queue;
  if (ids == 0 && acted.jobs + acted.left.letters == 0) {
    output.line("No dead letters" + filter_text(acted.only) + " in " + queue + '.');
  } else {
    output.line(acted.retry
                    ? "Put " + dead_letters_text(acted.jobs) + " back into " + queue +
                          ", with no attempts counted."
                    : "Dropped " + dead_letters_text(acted.jobs) + " of " + queue + " for good.");
  }
  constexpr std::size_t most_lines = 10;
  for (std::size_t i = 0; i < acted.told.size() && i < most_lines; ++i) {
    const DeadLeft& letter = acted.told[i];
    output.warning(letter.id.to_string() + kinds_text(letter) + " stays dead: " + letter.why);
  }
  if (acted.left.letters <= static_cast<std::int64_t>(most_lines)) return;
  for (const auto& [why, reason] : acted.reasons) {
    output.warning("in all " + dead_letters_text(reason.letters) +
                   (reason.letters == 1 ? " stays: " : " stay: ") + why);
  }
}

}  // namespace

void DeadActed::note(const DeadLeft& letter) {
  if (!letter.found) {
    ++not_found;
    return;
  }
  const bool told_apart = reasons.contains(letter.why) || reasons.size() < most_told;
  Reason& of_why = reasons[told_apart ? letter.why : other_reasons];
  for (Reason* reason : {&left, &of_why}) {
    ++reason->letters;
    reason->jobs += letter.jobs;
  }
  expired = expired || letter.expired;
  if (told.size() < most_told) told.push_back(letter);
}

int report(Output& output, const DeadActed& acted, std::size_t ids) {
  if (output.is_json()) {
    output.print(json_of(acted));
  } else {
    print(output, acted, ids);
  }
  std::string wrong;
  if (acted.not_found > 0) {
    wrong = format_count(acted.not_found) + " of " + format_count(static_cast<std::int64_t>(ids)) +
            " IDs are not dead letters of queue " + acted.queue +
            " (any more); see `ferry dead ls " + acted.queue + "`";
  }
  if (acted.left.letters > 0) {
    wrong += (wrong.empty() ? "" : "; ") + dead_letters_text(acted.left.letters) + " of queue " +
             acted.queue + " could not be " + (acted.retry ? "put back" : "dropped") +
             (acted.expired ? "; --ignore-expiry puts back those whose time has passed" : "") +
             "; see `ferry dead show " + acted.queue + " ID`";
  }
  if (!wrong.empty()) throw Failure(exit_found_wrong, wrong);
  return exit_ok;
}

}  // namespace ferry::cli
