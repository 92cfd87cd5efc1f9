#include "ferry/queue.hpp"

#include "cli/checks.hpp"
#include "cli/commands.hpp"
#include "cli/pages.hpp"
#include "cli/parts/text.hpp"
#include "cli/parts/units.hpp"
#include "cli/queue_forget.hpp"
#include "cli/views.hpp"

namespace ferry::cli {
namespace {

using nlohmann::json;

/// What no number below can say, so that nobody reads more into it than is there.
constexpr const char* limits_of_knowledge =
    R"(Jobs are counted one by one at one instant. The age is that of the oldest job that no worker
has yet, since it came to its stream: a delayed job counts from when it was due. A worker without a
sign of life for 10 s is told as silent until others take over what it holds. Not kept in Redis: how many jobs of each kind there are
(see --jobs) and the producers' limits.)";

/// Wide enough for every name that Ferry takes.
constexpr std::size_t name_width = 64;

struct ShowArguments {
  std::vector<std::string> names;
  std::string state;
  PageArguments page;
  bool audit = false;
};

std::vector<Cell> row_of(const QueueLook& look) {
  if (!look.counts) {
    return {look.name, "-", "-", "-", "-", "-", "-", "-", {trouble_of(look), Style::red}};
  }
  const QueueCounts& counts = *look.counts;
  return {look.name,
          format_count(counts.waiting),
          format_count(counts.leased),
          format_count(counts.delayed),
          {format_count(counts.dead), counts.dead > 0 ? Style::red : Style::plain},
          counts.waiting > 0 ? format_duration(counts.oldest_age) : "-",
          format_bytes(counts.bytes),
          format_count(counts.workers),
          {notes_of(counts), Style::yellow}};
}

int list(Session& session, std::size_t limit) {
  Queues queues = session.queues();
  const QueueNames names = queues.names(limit);
  json rows = json::array();
  Table table({{"QUEUE", Align::left, name_width},
               {"WAITING", Align::right},
               {"LEASED", Align::right},
               {"DELAYED", Align::right},
               {"DEAD", Align::right},
               {"OLDEST", Align::right},
               {"SIZE", Align::right},
               {"WORKERS", Align::right},
               {""}});
  bool all_well = true;
  for (const QueueLook& look : queues.look(names.names)) {
    rows.push_back(look_json(look));
    table.add(row_of(look));
    all_well = all_well && look.counts.has_value();
  }
  Output& output = session.output();
  if (output.is_json()) {
    output.print({{"queues", std::move(rows)}, {"more", names.more}});
  } else if (table.empty()) {
    output.line("No queue was ever used under the prefix \"" + session.redis().prefix +
                "\"; a queue begins with its first job, see `ferry enqueue --help`.");
  } else {
    output.print(table);
    if (names.more > 0) output.line(more_queues(names.more));
  }
  return all_well ? exit_ok : exit_found_wrong;
}

std::string advice(const SetAside& aside) {
  const bool one = aside.envelopes == 1;
  const std::string wait = format_count(aside.envelopes) + (one ? " envelope" : " envelopes") +
                           " of what is leased " + (one ? "waits" : "wait");
  if (aside.kind.empty()) return wait + " for a worker that takes " + (one ? "it." : "them.");
  return wait + ", all of kind " + printable(aside.kind) +
         ": no worker can begin them soon, or none has a handler for it. Give the kind more "
         "handlers, "
         "or a queue of its own; or start a worker that has a handler, or one with "
         "unknown_kind = dead_letter to be rid of them.";
}

void print_counts(Output& output, const std::string& name, const QueueCounts& counts,
                  const std::vector<SetAside>& aside) {
  output.line(
      output.styled("Queue " + name, Style::bold) +
      (notes_of(counts).empty() ? "" : output.styled("  " + notes_of(counts), Style::yellow)));
  Table table({{""}, {"", Align::right}, {""}});
  const std::string at_workers =
      "at " + format_count(counts.workers) + (counts.workers == 1 ? " worker" : " workers");
  table.add({"waiting", format_count(counts.waiting),
             counts.waiting > 0 ? "the oldest for " + format_duration(counts.oldest_age) : ""});
  table.add({"leased", format_count(counts.leased),
             counts.leased + counts.workers + counts.silent_workers > 0 ? at_workers : ""});
  table.add({"delayed", format_count(counts.delayed),
             "run later, wait for their next attempt, or late and postponed"});
  table.add({"dead",
             {format_count(counts.dead), counts.dead > 0 ? Style::red : Style::plain},
             counts.dead > 0 ? "see `ferry dead ls " + name + "`" : ""});
  table.add({"done", format_count(counts.done), ""});
  table.add({"expired", format_count(counts.expired),
             "dropped unrun: past their time, or shed by a worker"});
  table.add({"cancelled", format_count(counts.cancelled), "purged, or dropped as dead letters"});
  table.add({"accepted", format_count(counts.accepted), "the sum of all these"});
  table.add(
      {"stored", format_bytes(counts.bytes),
       "waiting, leased and delayed; " + format_count(counts.envelopes) +
           (counts.envelopes == 1 ? " envelope in the streams" : " envelopes in the streams")});
  output.print(table);
  output.line("");
  for (const SetAside& one : aside) output.line(advice(one));
  output.line(output.styled(limits_of_knowledge, Style::dim));
}

int show_counts(Session& session, const std::string& name) {
  Queue queue(session.redis(), name);
  const QueueCounts counts = queue.counts();
  const std::vector<SetAside> aside = queue.set_aside();
  if (session.output().is_json()) {
    json value = counts_json(counts);
    value["name"] = name;
    value["set_aside"] = json::array();
    for (const SetAside& one : aside) {
      value["set_aside"].push_back({{"kind", one.kind}, {"envelopes", one.envelopes}});
    }
    session.output().print(value);
  } else {
    print_counts(session.output(), name, counts, aside);
  }
  return exit_ok;
}

int show_jobs(Session& session, const ShowArguments& arguments, const std::string& name) {
  Queue queue(session.redis(), name);
  print_page(session.output(), queue, parse_job_state(arguments.state).value(), arguments.page,
             "ferry queue show " + name + " --jobs " + arguments.state);
  return exit_ok;
}

void print_audit(Output& output, const std::string& name, const AuditReport& report) {
  const QueueCounts& counts = report.counts;
  Table table({{""}, {"BY THE BOOKS", Align::right}, {"FOUND", Align::right}});
  const auto add = [&table](const char* what, std::int64_t books, std::int64_t found) {
    const Style style = books == found ? Style::plain : Style::red;
    table.add({what, format_count(books), {format_count(found), style}});
  };
  add("waiting and leased", counts.waiting + counts.leased, report.found_in_stream);
  add("delayed", counts.delayed, report.found_delayed);
  add("dead", counts.dead, report.found_dead);
  add("stored bytes", counts.bytes, report.found_bytes);
  output.print(table);
  output.line("");
  if (report.balanced()) {
    output.line(output.styled("The books of queue " + name + " balance.", Style::green));
  }
  for (const std::string& violation : report.violations) {
    if (!report.busy) output.line(output.styled("wrong: ", Style::red) + printable(violation));
  }
  if (!report.busy) return;
  output.line(output.styled("busy: ", Style::yellow) +
              "jobs moved during every look, so these numbers were read at different moments and "
              "prove nothing. Look again, or after `ferry queue pause " +
              name + "` when what is leased has ended.");
}

int show_audit(Session& session, const std::string& name) {
  const AuditReport report = Queue(session.redis(), name).audit();
  Output& output = session.output();
  if (output.is_json()) {
    output.print({{"name", name},
                  {"balanced", report.balanced()},
                  {"busy", report.busy},
                  {report.busy ? "differences" : "violations", report.violations},
                  {"counts", counts_json(report.counts)},
                  {"found",
                   {{"in_stream", report.found_in_stream},
                    {"delayed", report.found_delayed},
                    {"dead", report.found_dead},
                    {"bytes", report.found_bytes}}}});
  } else {
    print_audit(output, name, report);
  }
  if (report.busy) return exit_busy;
  return report.balanced() ? exit_ok : exit_found_wrong;
}

int show_one(Session& session, const ShowArguments& arguments, const std::string& name) {
  if (arguments.audit) return show_audit(session, name);
  if (!arguments.state.empty()) return show_jobs(session, arguments, name);
  return show_counts(session, name);
}

/// What is wrong goes before what cannot be told.
int worse(int one, int other) {
  if (one == exit_found_wrong || other == exit_found_wrong) return exit_found_wrong;
  return std::max(one, other);
}

/// One after the other; what is wrong with one is told in its place.
int show(Session& session, const ShowArguments& arguments) {
  session.require_queues(arguments.names);
  if (arguments.names.size() == 1) return show_one(session, arguments, arguments.names.front());
  Output& output = session.output();
  int code = exit_ok;
  for (const std::string& name : arguments.names) {
    if (!output.is_json()) {
      if (name != arguments.names.front()) output.line("");
      if (arguments.audit || !arguments.state.empty()) {
        output.line(output.styled("Queue " + name, Style::bold));
      }
    }
    try {
      code = worse(code, show_one(session, arguments, name));
    } catch (const Error& error) {
      if (exit_of(error.code()) == exit_unreachable) throw;
      code = exit_found_wrong;
      if (output.is_json()) {
        output.print({{"name", name}, {"error", error_json(error)}});
      } else {
        output.line("queue " + name + ": " + output.styled("wrong: ", Style::red) +
                    printable(error.what()));
      }
    }
  }
  return code;
}

/// Returns: whether the queue was ever used or paused; true, with a warning, where that cannot be
/// told.
bool knows(Session& session, const std::string& name) {
  Queue queue(session.redis(), name);
  try {
    if (session.queues().knows(name)) return true;
  } catch (const Error& error) {
    if (exit_of(error.code()) == exit_unreachable) throw;
    session.require_queues({name});
    return true;
  }
  return queue.counts().paused;
}

int set_paused(Session& session, const std::string& name, bool paused) {
  // A queue may be paused before its first job, but a name that was misspelt is told.
  const bool is_known = knows(session, name);
  if (!is_known && !paused) session.require_queues({name});
  Queue queue(session.redis(), name);
  const bool was_paused = queue.counts().paused;
  if (paused) queue.pause();
  if (!paused) queue.resume();
  if (session.output().is_json()) {
    session.output().print(
        json{{"name", name}, {"paused", paused}, {"changed", was_paused != paused}});
  } else if (was_paused == paused) {
    session.output().line("Queue " + name + (paused ? " was paused already." : " was not paused."));
  } else {
    if (!is_known) {
      session.output().warning("no job was ever stored in queue \"" + name +
                               "\"; it is paused from its first one on");
    }
    session.output().line(paused ? "Paused queue " + name +
                                       ": workers stop fetching within a second and finish what "
                                       "they hold; producers may go on."
                                 : "Resumed queue " + name + ": workers fetch again.");
  }
  return exit_ok;
}

int purge(Session& session, const std::string& name, bool yes) {
  Queue queue = session.queue(name);
  const QueueCounts counts = queue.counts();
  Output& output = session.output();
  output.confirm("Remove " + jobs_text(counts.waiting + counts.delayed) +
                     " (waiting and delayed) of queue " + name + " for good?",
                 yes);
  const std::int64_t removed =
      queue.purge([&output](std::int64_t sum) { output.progress("removed " + format_count(sum)); });
  if (output.is_json()) {
    output.print({{"name", name}, {"removed", removed}});
  } else {
    output.line("Removed " + jobs_text(removed) + " from queue " + name +
                "; leased jobs, those set aside among them, and dead letters stay.");
  }
  return exit_ok;
}

void add_list(CLI::App& noun, Command& chosen) {
  auto limit = std::make_shared<std::size_t>(1000);
  CLI::App* verb = noun.add_subcommand("ls", "List all queues");
  add_queue_limit(*verb, *limit);
  verb->footer(
      "A queue that cannot be looked at has a row that says why, with the key and Redis's words, "
      "and the\nexit code is 1. With --output json its object has \"error\": code, message and "
      "key; "
      "\"more\" counts\nthe queues that are not listed.");
  verb->callback(
      [&chosen, limit] { chosen = [limit](Session& session) { return list(session, *limit); }; });
}

void add_show(CLI::App& noun, Command& chosen) {
  auto arguments = std::make_shared<ShowArguments>();
  CLI::App* verb = noun.add_subcommand("show", "Show queues: their counts, jobs or books");
  verb->add_option("NAME", arguments->names, "Queues, one or more")->type_name("")->required();
  CLI::Option* jobs =
      verb->add_option("--jobs", arguments->state,
                       "List the jobs that are waiting, leased, delayed or dead, oldest first")
          ->type_name("STATE")
          ->check(CLI::IsMember({"waiting", "leased", "delayed", "dead"}));
  verb->add_option("--limit", arguments->page.limit, "Jobs to list, 1 to 1000")
      ->type_name("N")
      ->check(whole_number(1, 1000))
      ->capture_default_str()
      ->needs(jobs);
  verb->add_option("--from", arguments->page.from, "Go on where an earlier list ended")
      ->type_name("CURSOR")
      ->needs(jobs);
  verb->add_flag("--audit", arguments->audit,
                 "Compare the counters with what is stored, job by job; exits with 1 when they "
                 "differ")
      ->excludes(jobs);
  verb->footer(
      "An audit of a busy queue is exact up to 5,000 envelopes and 4 MiB, for users who may MULTI; "
      "of a\nlarger one that never stands still it says busy and exits with 5. "
      "What is wrong with one of several queues is\ntold in its place, the others go on, and the "
      "exit code is 1; with --output json there is an object for each, that one with \"error\".");
  verb->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return show(session, *arguments); };
  });
}

void add_pause(CLI::App& noun, Command& chosen, bool paused) {
  auto name = std::make_shared<std::string>();
  CLI::App* verb = paused ? noun.add_subcommand("pause", "Let workers take no more jobs of a queue")
                          : noun.add_subcommand("resume", "Let workers take jobs again");
  verb->add_option("NAME", *name, "The queue")->type_name("")->required();
  verb->callback([&chosen, name, paused] {
    chosen = [name, paused](Session& session) { return set_paused(session, *name, paused); };
  });
}

void add_purge(CLI::App& noun, Command& chosen) {
  auto name = std::make_shared<std::string>();
  auto yes = std::make_shared<bool>(false);
  CLI::App* verb =
      noun.add_subcommand("purge", "Remove waiting and delayed jobs for good; asks first");
  verb->add_option("NAME", *name, "The queue")->type_name("")->required();
  verb->add_flag("--yes", *yes, "Do not ask");
  verb->footer("Leased jobs and dead letters stay. What is removed is counted as cancelled.");
  verb->callback([&chosen, name, yes] {
    chosen = [name, yes](Session& session) { return purge(session, *name, *yes); };
  });
}

}  // namespace

void add_queue(CLI::App& program, Command& chosen) {
  CLI::App* noun =
      program.add_subcommand("queue", "List, show, pause, resume, purge and forget queues");
  noun->require_subcommand(1);
  add_list(*noun, chosen);
  add_show(*noun, chosen);
  add_pause(*noun, chosen, true);
  add_pause(*noun, chosen, false);
  add_purge(*noun, chosen);
  add_queue_forget(*noun, chosen);
  noun->footer(
      "Examples:\n"
      "  ferry queue show mail                     how many jobs, how old\n"
      "  ferry queue show mail --jobs delayed      which jobs wait for their time\n"
      "  ferry queue show mail --audit             do the counters agree with what is stored?\n"
      "  ferry queue purge mail                    remove what waits, after a question\n"
      "  ferry queue forget mail                   remove a queue that is empty");
}

}  // namespace ferry::cli
