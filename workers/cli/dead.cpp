#include <algorithm>

#include "cli/checks.hpp"
#include "cli/commands.hpp"
#include "cli/dead_acted.hpp"
#include "cli/pages.hpp"
#include "cli/parts/payload_view.hpp"
#include "cli/parts/text.hpp"
#include "cli/parts/units.hpp"
#include "cli/views.hpp"
#include "ferry/queue.hpp"

namespace ferry::cli {
namespace {

using nlohmann::json;

struct ListArguments {
  std::string name;
  PageArguments page;
};

struct ShowArguments {
  std::string name;
  std::string id;
  std::string payload_limit = "4KiB";
  std::string payload_keys;
};

struct ActArguments {
  std::string name;
  std::vector<std::string> ids;
  RetryOptions options;
  bool all = false;
  bool yes = false;

  /// Whether all letters are meant, or all that the filter matches.
  bool walks() const { return all || !options.only.empty(); }
};

JobId parse_id(const std::string& text) {
  const auto id = JobId::parse(text);
  if (id) return *id;
  throw Failure(exit_usage, "ID \"" + text +
                                "\" is no job's id; expected 36 characters, as `ferry dead ls` "
                                "prints them");
}

/// The filter as it is typed.
std::string words_of(const DeadFilter& only) {
  std::string words;
  const auto add = [&words](const char* option, const std::string& value) {
    if (value.empty()) return;
    words += std::string(" ") + option + " '";
    for (const char c : value) words += c == '\'' ? std::string("'\\''") : std::string(1, c);
    words += '\'';
  };
  add("--kind", only.kind);
  add("--reason", only.reason);
  return words;
}

int list(Session& session, const ListArguments& arguments) {
  Queue queue = session.queue(arguments.name);
  print_page(session.output(), queue, JobState::dead, arguments.page,
             "ferry dead ls " + arguments.name + words_of(arguments.page.only));
  return exit_ok;
}

/// Adds the payload to a dead letter's JSON: whole as "payload" when it is msgpack and within the
/// limit, else its first bytes as "payload_hex".
void add_payload(json& value, const std::string& payload, std::size_t limit) {
  const bool cut = payload.size() > limit;
  value["payload_cut"] = cut;
  if (!cut) {
    if (auto shown = payload_as_json(payload)) {
      value["payload"] = std::move(*shown);
      return;
    }
  }
  value["payload_hex"] = hex(std::string_view(payload).substr(0, limit));
}

std::string cut_mark(std::size_t left) {
  return "… " + format_bytes(static_cast<std::int64_t>(left)) + " more; see --payload-limit";
}

void print_payload(Output& output, const std::string& payload, std::size_t limit) {
  const std::string size = format_bytes(static_cast<std::int64_t>(payload.size()));
  output.line("");
  const auto value = payload_as_json(payload);
  if (!value) {
    output.line(
        output.styled("Payload, " + size + ", not msgpack that JSON could show:", Style::bold));
    output.raw(hex_dump(payload, limit));
    if (payload.size() > limit) output.line(cut_mark(payload.size() - limit));
    return;
  }
  output.line(output.styled("Payload, " + size + " of msgpack:", Style::bold));
  // dump() escapes control characters only below U+0020; ensure_ascii leaves none of the others.
  const std::string text = value->dump(2, ' ', true, json::error_handler_t::replace);
  output.line(std::string_view(text).substr(0, limit));
  if (text.size() > limit) output.line(cut_mark(text.size() - limit));
}

/// What nobody without the key can read is noise; its size is all it tells.
void print_closed(Output& output, const JobInfo& job) {
  output.line("");
  output.line(output.styled("Payload, sealed with key '" + job.sealed_with + "', " +
                                format_count(job.payload_bytes) + " bytes; see --payload-keys",
                            Style::bold));
}

void print_letter(Output& output, const JobInfo& job) {
  Table table({{""}, {""}});
  const auto add = [&table](const std::string& label, const std::string& text,
                            Style style = Style::plain) {
    if (!text.empty()) table.add({{label, Style::dim}, {text, style}});
  };
  add("id", job.id.to_string(), Style::bold);
  add("kind", kind_text(job));
  add("reason", job.reason.empty() ? "(none given)" : job.reason, Style::red);
  add("died", date_of(job.died_at) + ", " + age_of(job.died_at) + " ago");
  add("enqueued", date_of(job.enqueued_at) + ", " + age_of(job.enqueued_at) + " ago");
  add("priority", std::string(to_string(job.priority)));
  add("attempts", std::to_string(job.attempts) + " that reported an outcome, " +
                      std::to_string(job.deliveries) + " deliveries");
  add("batch key", job.batch_key);
  add("traceparent", job.traceparent);
  for (const auto& [name, header] : job.headers) add("header " + name, header);
  output.print(table);
}

int show(Session& session, const ShowArguments& arguments) {
  const JobId id = parse_id(arguments.id);
  const auto limit = parse_bytes(arguments.payload_limit);
  if (!limit) {
    throw Failure(exit_usage, "--payload-limit is \"" + arguments.payload_limit +
                                  "\"; expected a size such as 512, 4KiB or 1MiB");
  }
  Queue queue = session.queue(arguments.name);
  const auto job = queue.dead(id);
  if (!job) {
    throw Failure(exit_found_wrong, "queue " + arguments.name + " keeps no dead letter " +
                                        arguments.id + "; it may have been retried or dropped");
  }
  const std::string payload = queue.dead_payload(id, arguments.payload_keys).value_or("");
  const bool closed = !job->sealed_with.empty() && arguments.payload_keys.empty();
  if (session.output().is_json()) {
    json value = job_json(*job);
    if (!closed) add_payload(value, payload, static_cast<std::size_t>(*limit));
    session.output().print(value);
  } else {
    print_letter(session.output(), *job);
    if (closed) {
      print_closed(session.output(), *job);
      return exit_ok;
    }
    print_payload(session.output(), payload, static_cast<std::size_t>(*limit));
  }
  return exit_ok;
}

/// Moves or removes the dead letters that were named, or all.
int act(Session& session, const ActArguments& arguments, bool retry) {
  const DeadFilter& only = arguments.options.only;
  if (arguments.walks() == !arguments.ids.empty()) {
    throw Failure(exit_usage, arguments.walks()
                                  ? "IDs exclude --all, --kind and --reason; give one or the others"
                                  : "no dead letter is named; give IDs or --all, --kind, --reason");
  }
  std::vector<JobId> ids;
  for (const std::string& text : arguments.ids) ids.push_back(parse_id(text));
  Queue queue = session.queue(arguments.name);
  Output& output = session.output();
  if (arguments.walks() && !retry) {
    const std::int64_t dead = queue.counts().dead;
    output.confirm(
        "Remove " +
            (only.empty() ? dead_letters_text(dead) : "all dead letters" + filter_text(only)) +
            " of queue " + arguments.name + " for good?",
        arguments.yes || dead == 0);
  }
  const auto progress = [&](std::int64_t sum) {
    output.progress((retry ? "retried " : "dropped ") + format_count(sum));
  };
  DeadActed acted;
  acted.queue = arguments.name;
  acted.only = only;
  acted.retry = retry;
  const auto left = [&acted](const DeadLeft& letter) { acted.note(letter); };
  if (!arguments.walks()) {
    acted.jobs =
        retry ? queue.retry_dead(ids, left, arguments.options) : queue.drop_dead(ids, left);
  } else if (retry) {
    acted.jobs = queue.retry_all_dead(progress, left, arguments.options);
  } else {
    acted.jobs = queue.drop_all_dead(progress, left, only);
  }
  return report(output, acted, ids.size());
}

void add_list(CLI::App& noun, Command& chosen) {
  auto arguments = std::make_shared<ListArguments>();
  CLI::App* verb = noun.add_subcommand("ls", "List the dead letters of a queue, oldest first");
  verb->add_option("NAME", arguments->name, "The queue")->type_name("")->required();
  verb->add_option("--limit", arguments->page.limit, "Dead letters to list, 1 to 1000")
      ->type_name("N")
      ->check(whole_number(1, 1000))
      ->capture_default_str();
  verb->add_option("--from", arguments->page.from, "Go on where an earlier list ended")
      ->type_name("CURSOR");
  add_filter(*verb, arguments->page.only);
  verb->footer(
      "Reasons are cut on a terminal only. What cannot be decoded has a kind for --kind when it "
      "names\nonly one.");
  verb->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return list(session, *arguments); };
  });
}

void add_show(CLI::App& noun, Command& chosen) {
  auto arguments = std::make_shared<ShowArguments>();
  CLI::App* verb = noun.add_subcommand("show", "Show one dead letter with its payload");
  verb->add_option("NAME", arguments->name, "The queue")->type_name("")->required();
  verb->add_option("ID", arguments->id, "The job's id")->type_name("")->required();
  verb->add_option("--payload-limit", arguments->payload_limit, "How much of the payload to show")
      ->type_name("SIZE")
      ->capture_default_str();
  verb->add_option("--payload-keys", arguments->payload_keys,
                   "A file with keys, to show a payload that is sealed")
      ->type_name("FILE");
  verb->footer(
      "The payload is shown as JSON when it is msgpack, else as hex. One that is sealed is shown "
      "with --payload-keys only.");
  verb->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return show(session, *arguments); };
  });
}

void add_act(CLI::App& noun, Command& chosen, bool retry) {
  auto arguments = std::make_shared<ActArguments>();
  CLI::App* verb =
      retry ? noun.add_subcommand("retry", "Put dead letters back into their queue")
            : noun.add_subcommand("drop",
                                  "Remove dead letters for good; asks first unless they are "
                                  "named");
  verb->add_option("NAME", arguments->name, "The queue")->type_name("")->required();
  verb->add_option("ID", arguments->ids, "Ids of dead letters, see `ferry dead ls`")->type_name("");
  verb->add_flag("--all", arguments->all, "All dead letters of the queue");
  add_filter(*verb, arguments->options.only);
  if (retry) {
    verb->add_flag("--ignore-expiry", arguments->options.ignore_expiry,
                   "Let jobs whose time has passed run all the same, and never expire");
  } else {
    verb->add_flag("--yes", arguments->yes, "Do not ask");
  }
  verb->footer(
      retry
          ? "They begin with no attempts counted. --all puts back those that are dead when it "
            "begins, each\nonce; --kind and --reason those of them to which both apply. One that "
            "no worker could run, or\nwhose time has passed, stays dead, and the others go on. A "
            "letter that wraps a whole bundle becomes\none for each part. Exits with 1 when an ID "
            "is not a dead letter, or one stays: why is on standard\nerror, and in \"reasons\" "
            "and \"left_letters\" of --output json."
          : "What is dropped is counted as cancelled. Exits with 1 when an ID is not a dead "
            "letter, "
            "or one\ncould not be dropped.");
  verb->callback([&chosen, arguments, retry] {
    chosen = [arguments, retry](Session& session) { return act(session, *arguments, retry); };
  });
}

}  // namespace

void add_dead(CLI::App& program, Command& chosen) {
  CLI::App* noun =
      program.add_subcommand("dead", "List, show, retry and drop dead letters: jobs that failed");
  noun->require_subcommand(1);
  add_list(*noun, chosen);
  add_show(*noun, chosen);
  add_act(*noun, chosen, true);
  add_act(*noun, chosen, false);
  noun->footer(
      "Examples:\n"
      "  ferry dead ls mail                        what failed, and why\n"
      "  ferry dead show mail ID                   one of them, with its payload\n"
      "  ferry dead retry mail ID ID               try these again\n"
      "  ferry dead retry mail --kind send_mail --reason declined\n"
      "  ferry dead drop mail --all --yes          throw all away, without a question");
}

}  // namespace ferry::cli
