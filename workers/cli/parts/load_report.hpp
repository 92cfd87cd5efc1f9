#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ferry/client.hpp"
#include "load/open_loop.hpp"

namespace ferry::cli {

/// What a load was asked to be.
struct LoadPlan {
  std::string queue;
  std::string kind;
  load::Shape shape = load::Shape::poisson;
  double rate = 0;
  std::chrono::milliseconds duration{0};
  std::string trace;  ///< empty = shape and rate count
  std::uint64_t seed = 0;
};

/// Returns: whether the load was offered as asked for, to its end, and every job was stored.
bool load_succeeded(const load::Figures& figures);

/// Returns: one line for people, while it runs.
std::string load_progress(const LoadPlan& plan, const load::Figures& figures);

/// Returns: the result for people, several lines.
std::string load_text(const LoadPlan& plan, const load::Figures& figures, const ClientStats& stats);

nlohmann::json load_json(const LoadPlan& plan, const load::Figures& figures,
                         const ClientStats& stats);

}  // namespace ferry::cli
