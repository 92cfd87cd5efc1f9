#include "ferry/private_redis.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <thread>

#include "ferry/error.hpp"
#include "home_process.hpp"
#include "ranges.hpp"
#include "redis/connection.hpp"

namespace ferry {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto time_to_answer = 10s;
constexpr auto time_to_stop = 10s;
constexpr auto poll_interval = 1ms;
constexpr std::size_t log_lines_shown = 8;
/// More than any machine has; Redis itself reads a number of 64 bits.
constexpr std::int64_t most_memory = std::int64_t{1} << 60;
constexpr std::array<std::string_view, 3> fsync_names{"none", "everysec", "always"};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string find_server() {
  const std::string folders = environment("PATH");
  for (const std::string_view name : {"redis-server", "valkey-server"}) {
    for (std::size_t begin = 0; begin <= folders.size();) {
      const std::size_t end = std::min(folders.find(':', begin), folders.size());
      const auto program = std::filesystem::path(folders.substr(begin, end - begin)) / name;
      if (::access(program.c_str(), X_OK) == 0) return program;
      begin = end + 1;
    }
  }
  throw Error(ErrorCode::unsupported,
              "no redis-server or valkey-server on the PATH; install Redis 7.0 or later");
}

std::filesystem::path make_folder() {
  constexpr std::string_view name = "/ferry-redis-XXXXXX";
  constexpr std::string_view socket = "/redis.sock";
  std::string parent = environment("TMPDIR");
  const bool fits = parent.size() + name.size() + socket.size() < sizeof(sockaddr_un::sun_path);
  if (parent.empty() || !fits) parent = "/tmp";
  std::string path = parent + std::string(name);
  if (::mkdtemp(path.data()) == nullptr) {
    const std::error_code error(errno, std::generic_category());
    throw Error(ErrorCode::unavailable, "cannot make a folder in " + parent + ": " +
                                            error.message() +
                                            "; set TMPDIR to one that can be "
                                            "written");
  }
  return path;
}

std::vector<std::string> server_arguments(const PrivateRedisOptions& options,
                                          const std::filesystem::path& folder) {
  const bool keeps = options.fsync != Fsync::none;
  const bool always = options.fsync == Fsync::always;
  std::vector<std::string> arguments{"--port",
                                     "0",
                                     "--unixsocket",
                                     folder / "redis.sock",
                                     "--unixsocketperm",
                                     "700",
                                     "--save",
                                     "",
                                     "--dir",
                                     folder,
                                     "--logfile",
                                     folder / "redis.log",
                                     "--daemonize",
                                     "no",
                                     "--appendonly",
                                     keeps ? "yes" : "no",
                                     "--appendfsync",
                                     always ? "always" : "everysec",
                                     "--maxmemory",
                                     std::to_string(options.maxmemory),
                                     "--maxmemory-policy",
                                     "noeviction"};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  return arguments;
}

/// Runs in the child between fork and exec: nothing but system calls.
[[noreturn]] void become_server(const char* program, char* const* arguments, const char* log,
                                pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  // Away from the terminal's Ctrl-C, which is for the one who uses the server, not for the server.
  ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) ::signal(number, SIG_DFL);
  // What it says about bad arguments comes before it opens its log.
  const int output = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(::open("/dev/null", O_RDONLY), 0);
  ::dup2(output, 1);
  ::dup2(output, 2);
  ::close_range(3, ~0U, 0);
  ::execv(program, arguments);
  ::_exit(127);
}

std::string last_lines(const std::filesystem::path& log) {
  std::ifstream file(log);
  std::deque<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
    if (lines.size() > log_lines_shown) lines.pop_front();
  }
  if (lines.empty()) return "its log is empty";
  std::string text = "its log ends with:";
  for (const std::string& line : lines) text += "\n  " + line;
  return text;
}

std::string quoted_for_shell(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

/// Cuts a torn end off the append-only file, in front of its transaction. Redis itself cuts behind
/// the last whole command of it, and at the next start takes what it writes from now on for more of
/// the same transaction: jobs come twice or get lost.
///
/// Source: valkey-io/valkey#4342.
void mend_append_only_file(const std::string& server, const std::filesystem::path& folder) {
  const auto manifest = folder / "appendonlydir" / "appendonly.aof.manifest";
  std::string checker = server;
  const auto at = checker.rfind("server");
  if (at == std::string::npos || !std::filesystem::exists(manifest)) return;
  checker.replace(at, std::string_view("server").size(), "check-aof");
  if (::access(checker.c_str(), X_OK) != 0) return;
  const std::string command = "echo y | " + quoted_for_shell(checker) + " --fix " +
                              quoted_for_shell(manifest.string()) + " >/dev/null 2>&1";
  // What it cannot mend, the server will not load, and its log says why.
  [[maybe_unused]] const int status = std::system(command.c_str());
}

/// The password given with `--requirepass`, so that we can ask the server whether it is ready.
std::string url_of(const std::filesystem::path& socket, const PrivateRedisOptions& options) {
  std::string user;
  for (std::size_t i = 0; i + 1 < options.arguments.size(); ++i) {
    if (options.arguments[i] == "--requirepass") {
      user = ":" + redis::percent_encoded(options.arguments[i + 1]) + "@";
    }
  }
  return "unix://" + user + redis::percent_encoded(socket.string(), "/");
}

}  // namespace

std::string_view to_string(Fsync fsync) { return fsync_names.at(static_cast<std::size_t>(fsync)); }

std::optional<Fsync> parse_fsync(std::string_view text) {
  const auto found = std::ranges::find(fsync_names, text);
  if (found == fsync_names.end()) return std::nullopt;
  return static_cast<Fsync>(found - fsync_names.begin());
}

struct PrivateRedis::Impl {
  PrivateRedisOptions options;
  std::string program;
  std::filesystem::path folder;
  pid_t pid = -1;
  detail::HomeProcess home;

  ~Impl() {
    // The server belongs to the process that started it.
    if (home.is_left()) return;
    end(SIGKILL);
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  void require_home() const {
    home.require({"this server", "only the process that started it can stop it"});
  }

  std::filesystem::path socket() const { return folder / "redis.sock"; }
  std::filesystem::path log() const { return folder / "redis.log"; }

  void spawn() {
    std::vector<std::string> words = server_arguments(options, folder);
    words.insert(words.begin(), program);
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const std::string log_path = log();
    const pid_t parent = ::getpid();
    pid = ::fork();
    if (pid == 0) become_server(program.c_str(), pointers.data(), log_path.c_str(), parent);
    if (pid < 0) {
      const std::error_code error(errno, std::generic_category());
      throw Error(ErrorCode::unavailable, "cannot start " + program + ": " + error.message());
    }
  }

  bool ended() {
    if (pid < 0) return true;
    if (::waitpid(pid, nullptr, WNOHANG) == 0) return false;
    pid = -1;
    return true;
  }

  bool answers(redis::Connection& connection) const {
    try {
      const redis::ReplyPtr reply = connection.command({"PING"});
      return !reply->root().is_error() || !reply->root().text.starts_with("LOADING");
    } catch (const Error& error) {
      // Refused is an answer too: the caller knows the password, we do not.
      return error.code() == ErrorCode::denied;
    }
  }

  void wait_until_it_answers() {
    const auto deadline = steady_clock::now() + time_to_answer;
    redis::Connection connection{{.url = url_of(socket(), options), .command_timeout = 1s}};
    while (!answers(connection)) {
      if (ended()) {
        throw Error(ErrorCode::unavailable, program + " ended at once; " + last_lines(log()));
      }
      if (steady_clock::now() > deadline) {
        throw Error(ErrorCode::unavailable,
                    program + " did not answer within 10 s; " + last_lines(log()));
      }
      std::this_thread::sleep_for(poll_interval);
    }
  }

  void start() {
    if (!ended()) return;
    mend_append_only_file(program, folder);
    spawn();
    try {
      wait_until_it_answers();
    } catch (...) {
      end(SIGKILL);
      throw;
    }
  }

  void end(int signal_number) {
    if (pid < 0) return;
    ::kill(pid, signal_number);
    const auto deadline = steady_clock::now() + time_to_stop;
    while (signal_number != SIGKILL && !ended()) {
      // A stopped process does not hear SIGTERM.
      if (steady_clock::now() > deadline) ::kill(pid, signal_number = SIGKILL);
      std::this_thread::sleep_for(poll_interval);
    }
    while (pid > 0 && ::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid = -1;
  }
};

PrivateRedis::PrivateRedis(PrivateRedisOptions options) : impl_(std::make_unique<Impl>()) {
  require_enumerator("PrivateRedisOptions.fsync", options.fsync, Fsync::always,
                     "none, everysec or always");
  require_between("PrivateRedisOptions.maxmemory", options.maxmemory, 0, most_memory,
                  "0 (no limit) to 1152921504606846976 (1 EiB)");
  impl_->options = std::move(options);
  impl_->program = find_server();
  impl_->folder = make_folder();
  impl_->start();
}

PrivateRedis::~PrivateRedis() = default;
PrivateRedis::PrivateRedis(PrivateRedis&&) noexcept = default;
PrivateRedis& PrivateRedis::operator=(PrivateRedis&&) noexcept = default;

std::string PrivateRedis::url() const {
  return "unix://" + redis::percent_encoded(impl_->socket().string(), "/");
}
std::string PrivateRedis::socket_path() const { return impl_->socket(); }
int PrivateRedis::pid() const { return impl_->pid; }

void PrivateRedis::kill() {
  impl_->require_home();
  impl_->end(SIGKILL);
}
void PrivateRedis::stop() {
  impl_->require_home();
  impl_->end(SIGTERM);
}
void PrivateRedis::start() {
  impl_->require_home();
  impl_->start();
}

}  // namespace ferry
