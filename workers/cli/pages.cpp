#include "cli/pages.hpp"

#include <algorithm>
#include <charconv>

#include "cli/parts/units.hpp"
#include "cli/views.hpp"

namespace ferry::cli {
namespace {

using nlohmann::json;

/// What `Queue::jobs` accepts.
constexpr std::size_t most_jobs = 1000;

struct Cursor {
  std::string page;
  std::size_t passed_over = 0;
};

Cursor parse_cursor(const std::string& text) {
  const std::size_t plus = text.rfind('+');
  if (plus == std::string::npos) return {text, 0};
  Cursor cursor{text.substr(0, plus), 0};
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data() + plus + 1, end, cursor.passed_over);
  if (error != std::errc{} || at != end) {
    throw Failure(exit_usage,
                  "--from is \"" + text + "\"; expected what an earlier list ended with");
  }
  return cursor;
}

/// Looks for jobs that the filter matches, from page to page.
JobPage find_page(Output& output, Queue& queue, JobState state, const PageArguments& arguments) {
  Cursor cursor = parse_cursor(arguments.from);
  JobPage found;
  std::int64_t looked_at = 0;
  for (;;) {
    JobPage page = queue.jobs(state, most_jobs, cursor.page);
    for (std::size_t i = cursor.passed_over; i < page.jobs.size(); ++i) {
      if (!arguments.only.matches(page.jobs[i])) continue;
      if (found.jobs.size() == arguments.limit) {
        found.next = cursor.page + '+' + std::to_string(i);
        return found;
      }
      found.jobs.push_back(std::move(page.jobs[i]));
    }
    if (page.next.empty()) return found;
    looked_at += static_cast<std::int64_t>(page.jobs.size());
    output.progress("looked at " + format_count(looked_at));
    cursor = {std::move(page.next), 0};
  }
}

JobPage read_page(Output& output, Queue& queue, JobState state, const PageArguments& arguments) {
  if (!arguments.only.empty()) return find_page(output, queue, state, arguments);
  const Cursor cursor = parse_cursor(arguments.from);
  const std::size_t wanted =
      std::min(most_jobs, std::min(most_jobs, cursor.passed_over) + arguments.limit);
  JobPage page = queue.jobs(state, wanted, cursor.page);
  const auto passed_over = std::min(cursor.passed_over, page.jobs.size());
  page.jobs.erase(page.jobs.begin(), page.jobs.begin() + static_cast<std::ptrdiff_t>(passed_over));
  if (page.jobs.size() > arguments.limit) {
    page.jobs.resize(arguments.limit);
    page.next = cursor.page + '+' + std::to_string(passed_over + arguments.limit);
  }
  return page;
}

}  // namespace

void print_page(Output& output, Queue& queue, JobState state, const PageArguments& arguments,
                const std::string& command) {
  const JobPage page = read_page(output, queue, state, arguments);
  if (output.is_json()) {
    json jobs = json::array();
    for (const JobInfo& job : page.jobs) jobs.push_back(job_json(job));
    json value{{"name", queue.name()}, {"jobs", std::move(jobs)}, {"next", page.next}};
    if (!arguments.only.empty()) value["filter"] = filter_json(arguments.only);
    output.print(value);
    return;
  }
  if (!page.jobs.empty()) {
    output.print(jobs_table(state, page.jobs, !output.on_terminal()));
  } else if (state == JobState::dead) {
    output.line("No dead letters" + filter_text(arguments.only) + " in queue " + queue.name() +
                '.');
  } else {
    output.line("No " + std::string(to_string(state)) + " jobs in queue " + queue.name() + '.');
  }
  if (!page.next.empty()) {
    output.line("");
    output.line("More: " + command + " --limit " + std::to_string(arguments.limit) + " --from " +
                page.next);
  }
}

}  // namespace ferry::cli
