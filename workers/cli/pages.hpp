#pragma once

#include <string>

#include "cli/session.hpp"

namespace ferry::cli {

/// Which part of a list to show.
struct PageArguments {
  std::size_t limit = 20;
  std::string from;
  DeadFilter only;  ///< of dead letters
};

/// Prints at most `limit` jobs of one state and how to go on. Redis is asked for whole envelopes;
/// what is too much stays for the next page, whose cursor is then "<cursor>+<jobs to pass over>".
///
/// `command` is what was typed, up to the options of the page.
void print_page(Output& output, Queue& queue, JobState state, const PageArguments& arguments,
                const std::string& command);

}  // namespace ferry::cli
