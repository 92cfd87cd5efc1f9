#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/send_signal.hpp"
#include "wire/envelope.hpp"

namespace ferry::test {

using nlohmann::json;
using Words = std::vector<std::string>;

/// How long a program of a test that fails may take.
constexpr std::chrono::seconds program_deadline{60};

/// A file without a name, for what goes into and comes out of a program.
class Memory {
 public:
  explicit Memory(std::string_view text = {}) : descriptor_(::memfd_create("cli", MFD_CLOEXEC)) {
    append(text);
  }
  ~Memory() { ::close(descriptor_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  int descriptor() const { return descriptor_; }
  void append(std::string_view text) const {
    ASSERT_EQ(::write(descriptor_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void rewind() const { ::lseek(descriptor_, 0, SEEK_SET); }
  std::string text() const {
    std::string all(static_cast<std::size_t>(::lseek(descriptor_, 0, SEEK_END)), '\0');
    EXPECT_EQ(::pread(descriptor_, all.data(), all.size(), 0), static_cast<ssize_t>(all.size()));
    return all;
  }

 private:
  int descriptor_;
};

struct Ended {
  int exit_code = -1;
  std::string out;
  std::string err;
  long peak_kib = 0;

  json value() const { return json::parse(out); }
  json error() const { return json::parse(err).at("error"); }
};

/// The program with three descriptors of the test's and an environment of its own.
inline pid_t spawn(const Words& words, const Words& environment, std::array<int, 3> descriptors) {
  Words all{FERRY_BIN_DIR "/ferry"};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  for (std::string& word : all) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  Words settings = environment;
  std::vector<char*> variables;
  for (std::string& setting : settings) variables.push_back(setting.data());
  variables.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int i = 0; i < 3; ++i) posix_spawn_file_actions_adddup2(&actions, descriptors[i], i);
  pid_t pid = -1;
  EXPECT_EQ(
      ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), variables.data()), 0);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

/// Returns: the exit code; kills a program that does not end.
inline int wait_for_end(pid_t pid, long* peak_kib = nullptr) {
  const auto end = std::chrono::steady_clock::now() + program_deadline;
  int status = 0;
  rusage usage{};
  for (;;) {
    const pid_t ended = ::wait4(pid, &status, WNOHANG, &usage);
    if (ended == pid) break;
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << "the program did not end";
      send_signal(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      break;
    }
    ::usleep(1000);
  }
  if (peak_kib != nullptr) *peak_kib = usage.ru_maxrss;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// One server for all tests; each finds it empty, with the functions installed.
class CliTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    try {
      server_ = std::make_unique<PrivateRedis>();
    } catch (const Error& error) {
      missing_ = error.what();
    }
  }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    if (!server_) {
      const char* ci = std::getenv("CI");
      if (ci != nullptr && std::string_view(ci) == "true") FAIL() << missing_;
      GTEST_SKIP() << missing_;
    }
    environment = {"FERRY_REDIS=" + server_->url(), "TERM=xterm"};
    connection = std::make_unique<redis::Connection>(options());
    connection->call({"FLUSHALL"});
    connection->call({"FUNCTION", "FLUSH"});
    ASSERT_EQ(ferry({"setup"}).exit_code, 0);
  }

  static RedisOptions options() {
    RedisOptions redis;
    redis.url = server_->url();
    return redis;
  }

  Ended ferry(const Words& words, std::string_view input = {}) {
    const Memory in(input);
    return ferry_reading(words, in);
  }

  Ended ferry_reading(const Words& words, const Memory& in) {
    in.rewind();
    const Memory out;
    const Memory err;
    Ended ended;
    const pid_t pid =
        spawn(words, environment, {in.descriptor(), out.descriptor(), err.descriptor()});
    ended.exit_code = wait_for_end(pid, &ended.peak_kib);
    ended.out = out.text();
    ended.err = err.text();
    return ended;
  }

  /// With `--output json`, what was printed.
  json ask(Words words) {
    words.insert(words.end(), {"--output", "json"});
    const Ended ended = ferry(words);
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    return json::parse(ended.out, nullptr, false);
  }

  void enqueue(const std::string& queue, int jobs, const std::string& more = "") {
    std::string lines;
    for (int i = 0; i < jobs; ++i) {
      lines += R"({"kind": "mail", "payload": {"n": )" + std::to_string(i) + "}" + more + "}\n";
    }
    ASSERT_EQ(ferry({"enqueue", queue}, lines).exit_code, 0);
  }

  redis::ReplyPtr fcall(std::string_view name, const Words& keys, const Words& arguments) {
    const std::string function = "ferry_v1_" + std::string(name);
    const std::string count = std::to_string(keys.size());
    std::vector<std::string_view> words{"FCALL", function, count};
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    return connection->call(words);
  }

  /// One envelope of the normal stream, leased by a worker "w" as long as nobody reclaims.
  std::pair<std::string, std::string> lease(const Keys& keys) {
    fcall("register", {keys.state, keys.workers, keys.ready[0], keys.ready[1], keys.ready[2]},
          {"w"});
    const auto reply = connection->call(
        {"XREADGROUP", "GROUP", group_name, "w", "COUNT", "1", "STREAMS", keys.ready[1], ">"});
    const redis::Reply& entry = reply->root()[0][1][0];
    return {std::string(entry[0].text), std::string(entry[1][1].text)};
  }

  /// Lets the first job of the oldest envelope die the way a worker does it.
  ///
  /// Returns: its id.
  std::string kill_one(const std::string& queue, const std::string& reason,
                       const std::map<std::string, std::string>& headers = {}) {
    const Keys keys("ferry", queue);
    const auto [entry, bytes] = lease(keys);
    wire::StoredEnvelope stored;
    EXPECT_EQ(wire::decode(bytes, stored), "");
    wire::Extras extras;
    if (stored.jobs.at(0).extras != nullptr) extras = *stored.jobs.at(0).extras;
    extras.attempts = 3;
    for (const auto& [name, value] : headers) extras.headers.emplace_back(name, value);
    wire::EnvelopeWriter writer(stored.jobs.at(0).id);
    writer.add_moved(stored.jobs.at(0), &extras);
    const std::string letter = writer.finish(0, wire::Death{reason, 1'700'000'000'000, 4});
    fcall(
        "settle",
        {keys.state, keys.workers, keys.progress, keys.ready[1], keys.due, keys.parked, keys.dead},
        {"w", entry, std::to_string(stored.jobs.size()), std::to_string(bytes.size()), "", "", "0",
         "f", "0", letter});
    return stored.jobs.at(0).id.to_string();
  }

  static PrivateRedis& server() { return *server_; }

  Words environment;
  std::unique_ptr<redis::Connection> connection;

 private:
  inline static std::unique_ptr<PrivateRedis> server_;
  inline static std::string missing_;
};

/// The program on a terminal.
class Terminal {
 public:
  Terminal(const Words& words, const Words& environment) {
    winsize size{40, 200, 0, 0};
    int program_end = -1;
    EXPECT_EQ(::openpty(&test_end_, &program_end, nullptr, nullptr, &size), 0);
    ::fcntl(test_end_, F_SETFD, FD_CLOEXEC);
    pid_ = spawn(words, environment, {program_end, program_end, program_end});
    ::close(program_end);
  }
  ~Terminal() { ::close(test_end_); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(std::string_view text) const {
    ASSERT_EQ(::write(test_end_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void interrupt() const { send_signal(pid_, SIGINT); }

  /// Reads until the text was shown, or the program's end.
  bool shows(std::string_view text) {
    const auto end = std::chrono::steady_clock::now() + program_deadline;
    while (shown_.find(text) == std::string::npos) {
      pollfd watched{test_end_, POLLIN, 0};
      if (std::chrono::steady_clock::now() > end) return false;
      if (::poll(&watched, 1, 100) <= 0) continue;
      std::array<char, 4096> block{};
      const ssize_t got = ::read(test_end_, block.data(), block.size());
      if (got <= 0) return shown_.find(text) != std::string::npos;
      shown_.append(block.data(), static_cast<std::size_t>(got));
    }
    return true;
  }

  int end() {
    shows("no program shows this");  // a program that nobody reads could not end
    return wait_for_end(pid_);
  }
  const std::string& shown() const { return shown_; }

 private:
  int test_end_ = -1;
  pid_t pid_ = -1;
  std::string shown_;
};

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace ferry::test
