#include "cli/commands.hpp"
#include "secrets/payload_keys.hpp"

namespace ferry::cli {
namespace {

struct Arguments {
  std::string id;
  std::string file;
};

int make_key(Session& session, const Arguments& arguments) {
  Output& output = session.output();
  if (arguments.file.empty()) {
    // For a program the line itself is the form: it goes into a file.
    std::string line = secrets::random_key_line(arguments.id);
    line.pop_back();
    output.line(line);
    return exit_ok;
  }
  secrets::add_key_in_front(arguments.file, arguments.id);
  if (output.is_json()) {
    output.print({{"file", arguments.file}, {"key", arguments.id}});
  } else {
    output.line("Key " + arguments.id + " is the first of " + arguments.file +
                " now: it seals, and those behind it still open.");
  }
  return exit_ok;
}

constexpr const char* footer =
    R"(A key file is given to producers and workers (payload_keys_file). Its first key seals payloads, all of
them open; a program reads it when it starts.

To begin without losing a job:
  1. give the file to the workers, with accept_plain_payloads, and restart them
  2. give it to the producers
  3. take accept_plain_payloads away once no plain job waits, is delayed or died

To change keys without losing a job:
  1. add a new one to the workers' file (its place does not matter there), restart the workers
  2. put it in front of the producers' file, restart the producers
  3. remove the old one once no job that waits, is delayed or died is sealed with it

Examples:
  ferry key 2026-11                          a new key on standard output
  ferry key 2026-11 --file payload.keys      in front of a file; made, if there is none)";

}  // namespace

void add_key(CLI::App& program, Command& chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = program.add_subcommand("key", "Make a key that seals payloads");
  verb->add_option("ID", arguments->id, "What the key is called: 1 to 32 of A-Z a-z 0-9 _ . -")
      ->type_name("")
      ->required();
  verb->add_option("--file", arguments->file, "Put it in front of this file instead")
      ->type_name("FILE");
  verb->footer(footer);
  verb->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return make_key(session, *arguments); };
  });
}

}  // namespace ferry::cli
