#include "ferry/setup.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "cli/commands.hpp"
#include "cli/parts/redis_url.hpp"

namespace ferry::cli {
namespace {

/// Makes the folder for passwords, which only its owner may look into. One that is there stays as
/// it is.
///
/// Errors: `invalid_argument` when it cannot be made.
void make_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return;
  throw Error(ErrorCode::invalid_argument, "--passwords " + folder + " cannot be made: " +
                                               std::generic_category().message(errno));
}

struct Arguments {
  bool acl = false;
  bool apply = false;
  std::vector<std::string> roles;
  std::vector<std::string> queues;
  std::string user;
  std::string passwords;
};

int install(Session& session) {
  const bool installed = install_functions(session.redis());
  const std::string url = shown_url(session.redis().url);
  if (session.output().is_json()) {
    session.output().print(nlohmann::json{{"redis", url}, {"installed", installed}});
  } else {
    session.output().line(installed
                              ? "Installed Ferry's functions in " + url + "."
                              : "Ferry's functions are in " + url + " already; nothing to do.");
  }
  return exit_ok;
}

/// A user, and where its password comes from.
struct Planned {
  AccessUser user;
  std::string password;
  std::string source;
};

/// Returns: `FERRY_PRODUCER_PASSWORD`.
std::string variable_of(Role role) {
  std::string name = "FERRY_" + std::string(to_string(role)) + "_PASSWORD";
  for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

Planned planned(const Arguments& arguments, const std::string& prefix, Role role) {
  Planned plan;
  plan.user.name =
      arguments.user.empty() ? prefix + '-' + std::string(to_string(role)) : arguments.user;
  plan.user.role = role;
  plan.user.prefix = prefix;
  plan.user.queues = arguments.queues;
  const std::string variable = variable_of(role);
  if (const char* given = std::getenv(variable.c_str()); given != nullptr && *given != '\0') {
    plan.source = variable;
    plan.password = given;
    return plan;
  }
  if (arguments.passwords.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "user " + plan.user.name +
                    " needs a password: give --passwords FOLDER, where "
                    "it is read or made, or set " +
                    variable);
  }
  make_folder(arguments.passwords);
  const auto file = std::filesystem::path(arguments.passwords) / (plan.user.name + ".password");
  plan.source = file.string();
  plan.password = password_from_file(plan.source);
  return plan;
}

std::vector<Planned> planned(const Arguments& arguments, const std::string& prefix) {
  if (!arguments.user.empty() && arguments.roles.size() != 1) {
    throw Error(ErrorCode::invalid_argument, "--user names one user, so give one --role with it");
  }
  std::vector<std::string> roles = arguments.roles;
  if (roles.empty()) roles = {"producer", "worker", "viewer", "admin"};
  std::vector<Planned> plans;
  for (const std::string& role : roles) {
    plans.push_back(planned(arguments, prefix, parse_role(role).value()));
  }
  return plans;
}

void print_json(Output& output, const std::vector<Planned>& plans, bool applied) {
  nlohmann::json users = nlohmann::json::array();
  for (const Planned& plan : plans) {
    users.push_back({{"user", plan.user.name},
                     {"role", to_string(plan.user.role)},
                     {"password_from", plan.source},
                     {"command", access_line(plan.user, plan.password)}});
  }
  output.print(nlohmann::json{{"applied", applied}, {"users", std::move(users)}});
}

int write_users(Session& session, const Arguments& arguments) {
  Output& output = session.output();
  const std::vector<Planned> plans = planned(arguments, session.redis().prefix);
  if (!arguments.apply) {
    if (output.is_json()) {
      print_json(output, plans, false);
      return exit_ok;
    }
    for (const Planned& plan : plans) output.line(access_line(plan.user, plan.password));
    return exit_ok;
  }
  install_functions(session.redis());
  for (const Planned& plan : plans) set_access(session.redis(), plan.user, plan.password);
  const bool kept = save_access(session.redis());
  if (output.is_json()) {
    print_json(output, plans, true);
  } else {
    for (const Planned& plan : plans) {
      const std::string role(to_string(plan.user.role));
      output.line("User " + plan.user.name + " may do what " +
                  (plan.user.role == Role::admin ? "an " : "a ") + role +
                  " must; its password is in " + plan.source + '.');
    }
  }
  if (!kept) {
    output.warning(
        "this Redis has no ACL file, so it forgets these users when it ends: set `aclfile` in "
        "redis.conf, or put the lines of `ferry setup --acl` there as `user …`");
  }
  return exit_ok;
}

}  // namespace

void add_setup(CLI::App& program, Command& chosen) {
  CLI::App* verb =
      program.add_subcommand("setup", "Install Ferry's functions into Redis, and its users");
  const auto arguments = std::make_shared<Arguments>();
  CLI::Option* acl = verb->add_flag("--acl", arguments->acl,
                                    "Print the ACL SETUSER lines of users with few rights");
  verb->add_flag("--apply", arguments->apply, "Make those users instead of printing them")
      ->needs(acl);
  verb->add_option("--role", arguments->roles, "Only this role (again for more)")
      ->type_name("ROLE")
      ->check(CLI::IsMember({"producer", "worker", "viewer", "admin"}))
      ->needs(acl);
  verb->add_option("--queue", arguments->queues, "Only this queue (again for more)")
      ->type_name("NAME")
      ->needs(acl);
  verb->add_option("--user", arguments->user, "The user's name (without it PREFIX-ROLE)")
      ->type_name("NAME")
      ->needs(acl);
  verb->add_option("--passwords", arguments->passwords,
                   "Folder of USER.password files; what is missing is made, for its owner alone")
      ->type_name("FOLDER")
      ->needs(acl);
  verb->footer(
      "Needs a Redis user that may run FUNCTION LOAD. Safe to repeat: functions that are there\n"
      "already, or newer ones, are left alone.\n\n"
      "With --acl: a producer enqueues, a worker fetches and settles, a viewer looks, an admin\n"
      "pauses, purges and cares for dead letters. A password comes from FERRY_PRODUCER_PASSWORD,\n"
      "FERRY_WORKER_PASSWORD, FERRY_VIEWER_PASSWORD or FERRY_ADMIN_PASSWORD, else from its file\n"
      "in --passwords. Only its SHA-256 is printed.");
  verb->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) {
      return arguments->acl ? write_users(session, *arguments) : install(session);
    };
  });
}

}  // namespace ferry::cli
