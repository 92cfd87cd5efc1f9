#pragma once

#include "question.hpp"

// One function for each file of bench/questions. `quick` asks for the least work that shows that
// the question can be answered.
namespace ferry::bench {

Questions wire_speed(bool quick);
Questions producer_threads(bool quick);
Questions durability(bool quick);
Questions payload_size(bool quick);
Questions text(bool quick);
Questions memory(bool quick);
Questions depth(bool quick);
Questions sharing(bool quick);
Questions idle_latency(bool quick);
Questions load_latency(bool quick);
Questions counts(bool quick);
Questions latency_budget_kept(bool quick);
Questions budget_overload(bool quick);

/// All of them, in the order of the table.
inline Questions all_questions(bool quick) {
  Questions all;
  for (const auto ask :
       {wire_speed, producer_threads, durability, payload_size, text, memory, depth, sharing,
        idle_latency, load_latency, counts, latency_budget_kept, budget_overload}) {
    for (auto& question : ask(quick)) all.push_back(std::move(question));
  }
  return all;
}

/// The program calls itself with this word to be one of the workers that `sharing` starts.
inline constexpr const char* share_worker_word = "share-worker";
/// Returns: the exit code.
int share_worker(const std::vector<std::string>& arguments);

}  // namespace ferry::bench
