#include "cli/queue_forget.hpp"

#include <memory>

#include "cli/parts/text.hpp"
#include "cli/parts/units.hpp"
#include "ferry/queues.hpp"

namespace ferry::cli {
namespace {

/// Returns: bytes of a name that is given in hex, so that no shell has to be told about odd ones.
std::string name_of(const std::string& text, bool is_hex) {
  if (!is_hex) return text;
  auto bytes = bytes_of_hex(text);
  if (bytes) return std::move(*bytes);
  throw Failure(exit_usage, "NAME is \"" + text +
                                "\"; with --hex expected two digits for each byte, as name_hex of "
                                "`ferry queue ls --output json`");
}

/// Returns: why a queue is not forgotten, and what to do about each.
std::string still_used(const std::string& name, const Forgotten& used) {
  std::string text = "queue " + name + " is not empty, so nothing was removed:";
  const auto add = [&text](std::int64_t count, const char* what, const std::string& remedy) {
    if (count > 0) text += (text.back() == ':' ? " " : "; ") + format_count(count) + what + remedy;
  };
  add(used.envelopes, " envelopes wait or are leased: ",
      "`ferry queue purge " + name +
          "` removes what waits; for what waits for a handler of its kind see `ferry queue show " +
          name + "`");
  add(used.delayed, " are delayed: ", "`ferry queue purge " + name + "` removes them");
  add(used.dead, " dead letters: ", "`ferry dead drop " + name + " --all` removes them");
  if (used.delayed + used.dead == 0) {
    add(used.parked, " envelopes are parked, neither delayed nor dead: ",
        "see `ferry queue show " + name + " --audit`");
  }
  add(used.workers, " workers gave a sign of life within the last minute: ", "stop them");
  return text;
}

int forget(Session& session, const std::string& name) {
  const Forgotten result = session.queues().forget(name);
  if (!result.forgotten) throw Failure(exit_found_wrong, still_used(name, result));
  if (!result.had_name && result.keys_removed == 0) {
    throw Failure(exit_found_wrong, "queue \"" + name + "\" was never used under the prefix \"" +
                                        session.redis().prefix +
                                        "\"; `ferry queue ls` shows those that were");
  }
  Output& output = session.output();
  if (output.is_json()) {
    output.print({{"name", name},
                  {"forgotten", true},
                  {"keys_removed", result.keys_removed},
                  {"producers_kept", result.producers_kept}});
    return exit_ok;
  }
  output.line("Forgot queue " + printable(name) + ": its name and " +
              format_count(result.keys_removed) + " keys are gone.");
  if (result.producers_kept > 0) {
    output.line(format_count(result.producers_kept) +
                " of its producers stored something within the last hour. What Redis knows of them "
                "stays, or they would report a loss that never was; forget the queue again later. "
                "It is back when they store another job.");
  }
  return exit_ok;
}

}  // namespace

void add_queue_forget(CLI::App& noun, Command& chosen) {
  auto name = std::make_shared<std::string>();
  auto is_hex = std::make_shared<bool>(false);
  CLI::App* verb =
      noun.add_subcommand("forget", "Remove an empty queue: its name and what it left behind");
  verb->add_option("NAME", *name, "The queue")->type_name("")->required();
  verb->add_flag("--hex", *is_hex, "NAME is given in hex, as name_hex of `ferry queue ls`");
  verb->footer(
      "Only when nothing waits, is leased, delayed or dead, and no worker has given a sign of life "
      "for a\nminute; else it says what is there and exits with 1. A name that Ferry would refuse "
      "has nothing\nbehind it and can always be removed.");
  verb->callback([&chosen, name, is_hex] {
    chosen = [name, is_hex](Session& session) { return forget(session, name_of(*name, *is_hex)); };
  });
}

}  // namespace ferry::cli
