#include "model/mutation.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "support/run_program.hpp"

namespace ferry::model {
namespace {

constexpr std::size_t operations_in_a_sequence = 250;

/// Reads lines `file | change | reason`.
std::map<std::string, std::string> read_reasons() {
  const std::string path = std::string(FERRY_SOURCE_DIR) + "/tests/model/equivalent_mutants";
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::map<std::string, std::string> reasons;
  for (std::string line; std::getline(file, line);) {
    const std::size_t behind = line.rfind(" | ");
    if (line.empty() || line[0] == '#' || behind == std::string::npos) continue;
    reasons[line.substr(0, behind)] = line.substr(behind + 3);
  }
  return reasons;
}

/// Returns: a filter for the rows of the matrix of failures that call the functions of a file.
std::string rows_of(const std::string& file) {
  static const std::map<std::string, std::string> rows{
      {"enqueue.lua", "*/enqueue*:*/open*"},
      {"lease.lua", "*/register*:*/renew*:*/leave*:*/reclaim*:*/put_off*:*/start*"},
      {"settle.lua", "*/finish*:*/done*:*/settle*:*/bury*:*/release*"},
      {"due.lua", "*/expire*"},
      {"dead.lua", "*/dead*"},
      {"inspect.lua", "*/purge*:*/pause*:*/resume*:*/count*"}};
  const auto found = rows.find(file);
  return found == rows.end() ? "*" : found->second;
}

}  // namespace

MutationRun::MutationRun(redis::Connection& connection, std::size_t sequences)
    : connection_(connection), reasons_(read_reasons()) {
  for (std::uint64_t seed = 1; seed <= sequences; ++seed) {
    sequences_.push_back(random_operations(seed, operations_in_a_sequence));
    expected_.push_back(expected_effects(sequences_.back()));
  }
}

bool MutationRun::load(const Mutant& mutant) {
  return RealQueue::load(connection_, mutant.library).empty();
}

Judgement MutationRun::judge(const Mutant& mutant) {
  using Kind = Judgement::Kind;
  if (!load(mutant)) return {Kind::not_loaded, {}};
  // What changes the place where the clock is put in can only be seen by the tests.
  const std::string with_clock = RealQueue::with_clock(mutant.library);
  if (!with_clock.empty() && RealQueue::load(connection_, with_clock).empty()) {
    for (std::size_t i = 0; i < sequences_.size(); ++i) {
      std::optional<Difference> found;
      try {
        found = compare(connection_, sequences_[i], expected_[i]);
      } catch (const Error& e) {
        throw std::runtime_error(mutant.name() + ": " + e.what());
      }
      if (found) return {Kind::found_by_twin, sequences_[i][found->at].function};
    }
  }
  if (const auto reason = reasons_.find(mutant.file + " | " + mutant.change);
      reason != reasons_.end()) {
    return {Kind::explained, reason->second};
  }
  const std::string test = failing_test(mutant);
  if (!test.empty()) return {Kind::found_by_test, test};
  return {Kind::survived, {}};
}

std::string MutationRun::failing_test(const Mutant& mutant) const {
  const std::string path = std::filesystem::temp_directory_path() /
                           ("ferry-mutant-" + std::to_string(getpid()) + ".lua");
  std::ofstream(path) << mutant.library;
  std::string failing;
  for (const std::string program :
       {"functions_settle_test",  "functions_finish_test",   "functions_enqueue_test",
        "functions_inspect_test", "functions_dead_test",     "functions_due_test",
        "functions_open_test",    "functions_lease_test",    "functions_numbers_test",
        "functions_beat_test",    "functions_look_test",     "functions_bundle_test",
        "functions_books_test",   "functions_remove_test",   "functions_aside_test",
        "functions_parts_test",   "functions_due_move_test", "functions_parts_failures_test",
        "counts_functions_test",  "access_beat_test",        "access_roles_test",
        "access_worker_test",     "all_or_nothing_test"}) {
    // What is taken back shows only in the whole matrix, of the functions of that file.
    const bool is_matrix = program == "all_or_nothing_test";
    const test::Ended ended =
        test::run("FERRY_ALL_OR_NOTHING=all FERRY_TEST_LIBRARY=" + path + " timeout 300 " +
                  test::program(program) + " --gtest_fail_fast" +
                  (is_matrix ? " --gtest_filter='" + rows_of(mutant.file) + "'" : ""));
    if (ended.code != 0) {
      failing = program;
      break;
    }
  }
  std::filesystem::remove(path);
  return failing;
}

void MutationReport::add(const Mutant& mutant, const Judgement& judgement) {
  ++rows_[{mutant.file, mutant.function}][judgement.kind];
  if (judgement.kind == Judgement::Kind::survived) survivors_.push_back(mutant.name());
  if (judgement.kind == Judgement::Kind::explained) {
    explained_.push_back(mutant.name() + "\n      " + judgement.by);
  }
}

std::vector<std::string> MutationReport::unguarded() const {
  using Kind = Judgement::Kind;
  std::vector<std::string> functions;
  for (const auto& [where, row] : rows_) {
    if (!row.contains(Kind::found_by_twin) && !row.contains(Kind::found_by_test)) {
      functions.push_back(where.first + " " + where.second);
    }
  }
  return functions;
}

std::string MutationReport::text() const {
  using Kind = Judgement::Kind;
  constexpr Kind kinds[] = {Kind::not_loaded, Kind::found_by_twin, Kind::found_by_test,
                            Kind::explained, Kind::survived};
  const auto padded = [](std::string word, std::size_t width) {
    word.resize(std::max(width, word.size()), ' ');
    return word;
  };
  std::string text =
      padded("file and function", 34) + "mutants  not loaded  twin  tests  explained  survived\n";
  Row sum;
  const auto line = [&](const std::string& name, const Row& row) {
    std::size_t all = 0;
    std::string cells;
    constexpr std::size_t widths[] = {12, 6, 7, 11, 8};
    for (std::size_t i = 0; i < 5; ++i) {
      const auto count = row.contains(kinds[i]) ? row.at(kinds[i]) : 0;
      all += count;
      cells += padded(std::to_string(count), widths[i]);
    }
    text += padded(name, 34) + padded(std::to_string(all), 9) + cells + "\n";
  };
  for (const auto& [where, row] : rows_) {
    line(where.first + " " + where.second, row);
    for (const auto& [kind, count] : row) sum[kind] += count;
  }
  line("all", sum);
  const auto list = [&](const char* title, const std::vector<std::string>& names) {
    if (!names.empty()) text += "\n" + std::string(title) + "\n";
    for (const std::string& name : names) text += "  " + name + "\n";
  };
  list("They change nothing that anybody can see:", explained_);
  list("SURVIVORS, which no test notices:", survivors_);
  return text;
}

}  // namespace ferry::model
