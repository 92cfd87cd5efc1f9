#include "compare/open_verdict.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "compare/pareto.hpp"
#include "compare/table.hpp"
#include "compare/verdict.hpp"

namespace ferry::compare {
namespace {

constexpr double least_saving = 0.1;
constexpr double large_saving = 0.5;
constexpr double least_reach = 1.25;
constexpr double large_reach = 2;

bool keeps(const OpenRow& row, double budget_us) {
  return row.steady && !row.refused() && row.p99.median <= budget_us;
}

std::string rate_text(double rate) {
  return rate < 10 ? duration_text(1e6 / rate) + " a job" : count_text(rate) + "/s";
}

/// "50 ms" rather than "50.0 ms": a budget is given, not measured.
std::string budget_text(double us) {
  std::string text = duration_text(us);
  const std::size_t point = text.find('.');
  if (point == std::string::npos) return text;
  const std::size_t unit = text.find(' ', point);
  std::size_t end = unit;
  while (end > point && (text[end - 1] == '0' || text[end - 1] == '.')) --end;
  return text.erase(end, unit - end);
}

std::string percent(double part) { return count_text(std::round(part * 100)) + " %"; }

RateFinding finding_of(const std::vector<const OpenRow*>& rows, const std::string& baseline,
                       double budget_us) {
  RateFinding finding;
  finding.rate = rows.front()->rate;
  finding.refused = std::ranges::any_of(rows, [](auto* row) { return row->refused(); });
  if (finding.refused) return finding;
  const OpenRow* first = nullptr;
  const OpenRow* best = nullptr;
  for (const OpenRow* row : rows) {
    if (row->policy == baseline) first = row;
    if (!keeps(*row, budget_us)) continue;
    if (best == nullptr || row->worker_time.median < best->worker_time.median) best = row;
  }
  finding.baseline_keeps = first != nullptr && keeps(*first, budget_us);
  if (best == nullptr) return finding;
  finding.cheapest = best->policy;
  if (!finding.baseline_keeps || best == first) return finding;
  const bool apart = best->worker_time.high < first->worker_time.low;
  const double saving = 1 - best->worker_time.median / first->worker_time.median;
  if (apart && saving >= least_saving) {
    finding.saving = saving;
  } else {
    finding.cheapest = baseline;
  }
  return finding;
}

struct Reach {
  double baseline = 0;     ///< the highest rate at which the first policy keeps the budget
  double anybody = 0;      ///< likewise for any
  std::string anybody_by;  ///< the cheapest there
  double largest_saving = 0;
};

Reach reach_of(const std::vector<RateFinding>& findings) {
  Reach reach;
  for (const RateFinding& finding : findings) {
    if (finding.refused) continue;
    if (finding.baseline_keeps) reach.baseline = std::max(reach.baseline, finding.rate);
    if (!finding.cheapest.empty()) {
      reach.anybody = finding.rate;
      reach.anybody_by = finding.cheapest;
    }
    reach.largest_saving = std::max(reach.largest_saving, finding.saving);
  }
  return reach;
}

/// A little slack, or two rates at just 1.25 times each other would be told apart by rounding.
bool reaches(const Reach& reach, double times) {
  if (reach.anybody <= 0) return false;
  return reach.baseline <= 0 || reach.anybody >= times * reach.baseline * (1 - 1e-9);
}

Gain gain_of(const Reach& reach) {
  if (reach.largest_saving >= large_saving || reaches(reach, large_reach)) return Gain::large_gain;
  if (reach.largest_saving >= least_saving || reaches(reach, least_reach)) return Gain::gain;
  return Gain::none;
}

/// "from 500/s to 900/s fixed(100, 5ms) saves 41 % to 71 % of worker time a job"
std::string savings_text(const std::vector<RateFinding>& findings, const std::string& budget) {
  const RateFinding* first = nullptr;
  const RateFinding* last = nullptr;
  double least = 1;
  double most = 0;
  std::set<std::string> by;
  for (const RateFinding& finding : findings) {
    if (finding.saving <= 0) continue;
    if (first == nullptr) first = &finding;
    last = &finding;
    least = std::min(least, finding.saving);
    most = std::max(most, finding.saving);
    by.insert(finding.cheapest);
  }
  if (first == nullptr) return "";
  std::string text = first == last
                         ? "At " + rate_text(first->rate)
                         : "From " + rate_text(first->rate) + " to " + rate_text(last->rate);
  text += " a " + budget + " budget saves ";
  text += percent(least);
  if (percent(least) != percent(most)) text += " to " + percent(most);
  text += " of worker time a job, with ";
  if (by.size() == 1) return text + *by.begin() + ".";
  return text + last->cheapest + " at the highest of these rates (the cheapest differs by rate).";
}

std::string reach_text(const Reach& reach, const std::string& baseline, const std::string& budget) {
  if (reach.anybody <= 0) {
    return "No policy kept a p99 of " + budget +
           " at any rate: give it more time, or more workers.";
  }
  if (reach.baseline <= 0) {
    return baseline + " kept a p99 of " + budget + " at no rate; " + reach.anybody_by +
           " did, up to " + rate_text(reach.anybody) + ".";
  }
  if (reaches(reach, least_reach)) {
    return baseline + " kept a p99 of " + budget + " up to " + rate_text(reach.baseline) + "; " +
           reach.anybody_by + " up to " + rate_text(reach.anybody) + ".";
  }
  return "";
}

std::string text_of(const std::vector<RateFinding>& findings, const Reach& reach,
                    const std::string& baseline, const std::string& budget) {
  std::string text;
  const auto add = [&](const std::string& sentence) {
    if (sentence.empty()) return;
    if (!text.empty()) text += " ";
    text += sentence;
  };
  double free_up_to = 0;
  for (const RateFinding& finding : findings) {
    if (finding.refused || !finding.baseline_keeps || finding.saving > 0) break;
    free_up_to = finding.rate;
  }
  if (reach.anybody > 0 && gain_of(reach) == Gain::none) {
    return "Take " + baseline + ": up to " + rate_text(reach.anybody) +
           " no other policy saved clearly more than a tenth of worker time within a p99 of " +
           budget + ", and none kept it at a much higher rate.";
  }
  if (free_up_to > 0) {
    add("Up to " + rate_text(free_up_to) + " " + baseline + " costs nothing extra.");
  }
  add(savings_text(findings, budget));
  add(reach_text(reach, baseline, budget));
  return text;
}

std::vector<std::string> notes_of(const std::vector<OpenRow>& rows,
                                  const std::vector<RateFinding>& findings) {
  std::vector<std::string> notes;
  for (const RateFinding& finding : findings) {
    const auto at_rate = [&](bool OpenRow::*flag) {
      return std::ranges::any_of(
          rows, [&](const OpenRow& row) { return row.rate == finding.rate && row.*flag; });
    };
    if (at_rate(&OpenRow::lagged)) {
      notes.push_back("The generator lagged at " + rate_text(finding.rate) +
                      ": the load was not the one asked for, and that rate is refused a verdict.");
    }
    if (at_rate(&OpenRow::unbalanced)) {
      notes.push_back("The books of a run at " + rate_text(finding.rate) +
                      " do not balance: something was counted wrong or lost, and that rate is "
                      "refused a verdict.");
    }
  }
  for (const RateFinding& finding : findings) {
    std::string behind;
    for (const OpenRow& row : rows) {
      if (row.rate != finding.rate || row.refused() || row.steady) continue;
      behind += (behind.empty() ? "" : ", ") + row.policy;
    }
    if (behind.empty()) continue;
    notes.push_back("No steady state at " + rate_text(finding.rate) + ": " + behind +
                    ". Jobs piled up, so the latencies there tell how long the run was.");
  }
  return notes;
}

}  // namespace

std::string_view to_string(Gain gain) {
  constexpr std::array<std::string_view, 4> names = {"no verdict", "none", "gain", "large gain"};
  return names.at(static_cast<std::size_t>(gain));
}

OpenVerdict open_verdict_of(const std::vector<OpenRow>& rows,
                            const std::vector<std::string>& policies, double budget_us) {
  OpenVerdict verdict;
  std::set<double> rates;
  std::size_t fewest = rows.empty() ? 0 : rows.front().repetitions;
  for (const OpenRow& row : rows) {
    rates.insert(row.rate);
    fewest = std::min(fewest, row.repetitions);
  }
  for (const double rate : rates) {
    std::vector<const OpenRow*> here;
    for (const OpenRow& row : rows) {
      if (row.rate == rate) here.push_back(&row);
    }
    verdict.rates.push_back(finding_of(here, policies.front(), budget_us));
  }
  verdict.notes = notes_of(rows, verdict.rates);
  const bool all_refused =
      std::ranges::all_of(verdict.rates, [](auto& finding) { return finding.refused; });
  if (policies.size() < 2) {
    verdict.text = "No verdict: one policy has nothing to be held against.";
  } else if (fewest < enough_repetitions) {
    verdict.text = "No verdict: underpowered, " + std::to_string(fewest) + " of at least " +
                   std::to_string(enough_repetitions) + " repetitions.";
  } else if (all_refused) {
    const bool lagged = std::ranges::none_of(rows, &OpenRow::unbalanced);
    verdict.text = lagged ? "No verdict: the generator lagged at every rate; is the machine busy?"
                          : "No verdict: every rate is refused one, see the notes.";
  } else {
    const Reach reach = reach_of(verdict.rates);
    verdict.gain = gain_of(reach);
    verdict.text = text_of(verdict.rates, reach, policies.front(), budget_text(budget_us));
  }
  return verdict;
}

std::vector<std::optional<bool>> dominated_rows(const std::vector<OpenRow>& rows) {
  std::vector<std::optional<bool>> marks(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].steady || rows[i].refused()) continue;
    std::vector<Tradeoff> here{{rows[i].worker_time.median, rows[i].p99.median}};
    for (const OpenRow& row : rows) {
      if (row.rate == rows[i].rate && row.steady && !row.refused()) {
        here.push_back({row.worker_time.median, row.p99.median});
      }
    }
    marks[i] = dominated(here).front();
  }
  return marks;
}

std::optional<std::size_t> knee_row(const std::vector<OpenRow>& rows, double rate) {
  std::vector<Tradeoff> here;
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].rate != rate || !rows[i].steady || rows[i].refused()) continue;
    here.push_back({rows[i].worker_time.median, rows[i].p99.median});
    indices.push_back(i);
  }
  const auto found = knee(here);
  if (!found) return std::nullopt;
  return indices[*found];
}

}  // namespace ferry::compare
