#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "cli/session.hpp"

namespace ferry::cli {

/// The command that the command line chose; returns the exit code.
using Command = std::function<int(Session&)>;

// Each adds one noun to the program, and sets `chosen` when the command line names it.
void add_setup(CLI::App& program, Command& chosen);
void add_queue(CLI::App& program, Command& chosen);
void add_dead(CLI::App& program, Command& chosen);
void add_enqueue(CLI::App& program, Command& chosen);
void add_load(CLI::App& program, Command& chosen);
void add_stats(CLI::App& program, Command& chosen);
void add_doctor(CLI::App& program, Command& chosen);
void add_key(CLI::App& program, Command& chosen);
void add_budget(CLI::App& program, Command& chosen);
void add_compare(CLI::App& program, Command& chosen);
void add_plan(CLI::App& program, Command& chosen);

}  // namespace ferry::cli
