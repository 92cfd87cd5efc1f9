#include "fault/harness/ledger.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_map>

namespace ferry::fault {
namespace {

using EffectAt = std::vector<Effect>::const_iterator;

/// What is known of one number: what its producer was told, and its runs by id and time.
struct Story {
  const Claim* claim = nullptr;
  EffectAt first;
  EffectAt last;
};

void count_told(const Claim& claim, Ledger& ledger) {
  switch (claim.fate) {
    case Fate::accepted:
      ++ledger.accepted;
      break;
    case Fate::refused:
      ++ledger.refused;
      break;
    case Fate::unknown:
      ++ledger.unknown;
      break;
    case Fate::reported:
      break;
  }
}

/// Runs of one number come sorted by id: those of one id stand together.
void count_runs(const Story& story, Ledger& ledger) {
  std::uint64_t ids = 0;
  for (auto at = story.first; at != story.last;) {
    auto next = at;
    while (next != story.last && next->id == at->id) ++next;
    ++ids;
    if (next - at > 1) ++ledger.run_again;
    at = next;
  }
  if (ids > 1) ++ledger.enqueued_twice;
  ledger.stored += ids;
}

void account(const Story& story, const Ids& dead, Ledger& ledger) {
  count_runs(story, ledger);
  const bool ran = story.first != story.last;
  if (story.claim == nullptr) {
    if (ran) ++ledger.unknown_stored;
    return;
  }
  const Claim& claim = *story.claim;
  count_told(claim, ledger);
  const bool is_dead = dead.contains(claim.id);
  switch (claim.fate) {
    case Fate::accepted:
      if (!ran && !is_dead) ++ledger.lost;
      if (ran && std::none_of(story.first, story.last,
                              [&](const Effect& effect) { return effect.id == claim.id; })) {
        ++ledger.wrong_id;
      }
      break;
    case Fate::refused:
      if (ran || is_dead) ++ledger.refused_yet_stored;
      break;
    case Fate::unknown:
      if (ran || is_dead) ++ledger.unknown_stored;
      break;
    case Fate::reported:
      break;
  }
}

/// Merges claims and effects by number.
void account_for_all(const Evidence& evidence, Ledger& ledger) {
  auto claim = evidence.claims.begin();
  auto effect = evidence.effects.cbegin();
  const auto claims_end = evidence.claims.end();
  const auto effects_end = evidence.effects.cend();
  std::uint64_t claimed_twice = 0;
  while (claim != claims_end || effect != effects_end) {
    Story story;
    const bool claim_first =
        claim != claims_end && (effect == effects_end || claim->number <= effect->number);
    const std::uint64_t number = claim_first ? claim->number : effect->number;
    if (claim_first) {
      story.claim = &*claim;
      while (++claim != claims_end && claim->number == number) ++claimed_twice;
    }
    story.first = effect;
    while (effect != effects_end && effect->number == number) ++effect;
    story.last = effect;
    account(story, evidence.dead, ledger);
  }
  if (claimed_twice > 0) {
    ledger.broken.push_back("the harness gave " + std::to_string(claimed_twice) +
                            " numbers twice: a bug of its own");
  }
}

Percentiles percentiles_of(std::vector<double>& values) {
  Percentiles result;
  result.count = values.size();
  if (values.empty()) return result;
  std::ranges::sort(values);
  const auto at = [&](double part) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
    return values[std::max<std::size_t>(rank, 1) - 1];
  };
  result.p50 = at(0.5);
  result.p99 = at(0.99);
  result.max = values.back();
  return result;
}

/// From each death to the next run of what was held. A job whose next holder dies too, before it
/// has run, is counted from the last of those deaths.
void measure_recovery(const Evidence& evidence, Ledger& ledger) {
  struct Waiting {
    std::vector<std::int64_t> died_us;
    std::vector<std::int64_t> ran_us;
  };
  std::unordered_map<JobId, Waiting, HashOfId> waiting;
  for (const Death& death : evidence.deaths) {
    for (const JobId& id : death.held) waiting[id].died_us.push_back(death.at_us);
  }
  for (const Effect& effect : evidence.effects) {
    const auto found = waiting.find(effect.id);
    if (found != waiting.end()) found->second.ran_us.push_back(effect.at_us);
  }
  std::vector<double> took_ms;
  for (auto& [id, job] : waiting) {
    std::ranges::sort(job.ran_us);
    for (std::size_t i = 0; i < job.died_us.size(); ++i) {
      const auto ran = std::ranges::upper_bound(job.ran_us, job.died_us[i]);
      if (ran == job.ran_us.end()) continue;  // its outcome arrived at the very last moment
      if (i + 1 < job.died_us.size() && job.died_us[i + 1] < *ran) {
        ++ledger.held_by_two_dying;
      } else {
        took_ms.push_back(static_cast<double>(*ran - job.died_us[i]) / 1000);
      }
    }
  }
  ledger.recovery_ms = percentiles_of(took_ms);
}

std::uint64_t dead_that_ran(const Evidence& evidence) {
  Ids ran;
  for (const Effect& effect : evidence.effects) {
    if (evidence.dead.contains(effect.id)) ran.insert(effect.id);
  }
  return ran.size();
}

/// Every job that Redis counts is one we know, and the other way round.
void compare_books(const Evidence& evidence, Ledger& ledger) {
  const QueueCounts& books = evidence.books;
  const auto off = [&](const std::string& what, std::int64_t counted, std::uint64_t recorded) {
    const std::int64_t by = counted - static_cast<std::int64_t>(recorded);
    if (by == 0) return;
    ledger.books_off += std::abs(by);
    ledger.broken.push_back("Redis counts " + std::to_string(counted) + " jobs " + what +
                            ", the records say " + std::to_string(recorded));
  };
  const std::uint64_t ran = ledger.stored;
  const std::uint64_t dead_and_ran = dead_that_ran(evidence);
  ledger.stored += ledger.dead - dead_and_ran;
  off("accepted", books.accepted, ledger.stored);
  off("done", books.done, ran - dead_and_ran);
  off("dead", books.dead, ledger.dead);
  off("left in the queue", books.waiting + books.leased + books.delayed, 0);
  off("expired or cancelled", books.expired + books.cancelled, 0);
}

void judge(const Evidence& evidence, const Bounds& bounds, Ledger& ledger) {
  const auto none = [&](std::uint64_t count, const std::string& what) {
    if (count > 0) ledger.broken.push_back(std::to_string(count) + " " + what);
  };
  none(ledger.lost, "accepted jobs are lost");
  none(ledger.enqueued_twice, "jobs were stored twice");
  none(ledger.wrong_id, "jobs ran under another id than their producer was told");
  none(ledger.refused_yet_stored, "jobs are stored of which it was said that nothing was");
  none(ledger.reported_lost_calls, "enqueue calls were reported as lost by Redis");
  for (const std::string& violation : evidence.violations) {
    ledger.broken.push_back("audit: " + violation);
  }
  if (ledger.accepted == 0)
    ledger.broken.emplace_back("nothing was accepted: this run shows nothing");
  if (ledger.run_again_percent() > bounds.run_again_percent) {
    ledger.broken.push_back(std::to_string(ledger.run_again_percent()) +
                            " % of the jobs ran more than once");
  }
  if (bounds.recovery_p99_ms > 0 && ledger.recovery_ms.p99 > bounds.recovery_p99_ms) {
    ledger.broken.push_back("the jobs of dead workers came back after " +
                            std::to_string(ledger.recovery_ms.p99) + " ms (p99)");
  }
}

}  // namespace

double Ledger::run_again_percent() const {
  return accepted == 0 ? 0 : 100.0 * static_cast<double>(run_again) / static_cast<double>(accepted);
}

Ledger settle_accounts(Evidence& evidence, const Bounds& bounds) {
  Ledger ledger;
  for (const Claim& claim : evidence.claims) {
    if (claim.fate == Fate::reported) ledger.reported_lost_calls += claim.number;
  }
  std::erase_if(evidence.claims, [](const Claim& claim) { return claim.fate == Fate::reported; });
  std::ranges::sort(evidence.claims, {}, &Claim::number);
  std::ranges::sort(evidence.effects, {}, [](const Effect& effect) {
    return std::tie(effect.number, effect.id, effect.at_us);
  });
  ledger.effects = evidence.effects.size();
  ledger.dead = evidence.dead.size();
  ledger.stale_jobs = evidence.stale_jobs;
  account_for_all(evidence, ledger);
  compare_books(evidence, ledger);
  measure_recovery(evidence, ledger);
  judge(evidence, bounds, ledger);
  return ledger;
}

}  // namespace ferry::fault
