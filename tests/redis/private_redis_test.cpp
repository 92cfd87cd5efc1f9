#include "ferry/private_redis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "support/eventually.hpp"
#include "support/redis_test.hpp"
#include "support/send_signal.hpp"

namespace ferry::test {
namespace {

using redis::Connection;
using testing::HasSubstr;

std::string call(const PrivateRedis& server, std::initializer_list<std::string_view> words) {
  return show(Connection({.url = server.url()}).call(words)->root());
}

/// Gives an environment variable another value until the end of the scope.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() {
    if (old_) {
      ::setenv(name_, old_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

/// A folder that is gone at the end of the scope, with all that is in it.
class Folder {
 public:
  explicit Folder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() / (name + std::to_string(::getpid()))) {
    std::filesystem::create_directory(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class PrivateRedisTest : public testing::Test {
 protected:
  void SetUp() override { server = start_redis(); }

  std::unique_ptr<PrivateRedis> server;
};

TEST_F(PrivateRedisTest, AnswersOnItsSocketAloneAndEvictsNothing) {
  EXPECT_EQ(server->url(), "unix://" + server->socket_path());
  EXPECT_EQ(call(*server, {"PING"}), "PONG");
  EXPECT_EQ(call(*server, {"CONFIG", "GET", "port"}), "[port, 0]");
  EXPECT_EQ(call(*server, {"CONFIG", "GET", "maxmemory-policy"}), "[maxmemory-policy, noeviction]");
  EXPECT_EQ(call(*server, {"CONFIG", "GET", "save"}), "[save, ]");
}

TEST_F(PrivateRedisTest, LivesBesideOthers) {
  const auto other = start_redis();
  EXPECT_NE(other->url(), server->url());
  call(*other, {"SET", "key", "value"});
  EXPECT_EQ(call(*server, {"EXISTS", "key"}), "0");
}

TEST_F(PrivateRedisTest, LosesWhatItDoesNotKeepAndKeepsWhatItWrites) {
  call(*server, {"SET", "key", "value"});
  server->kill();
  server->start();
  EXPECT_EQ(call(*server, {"EXISTS", "key"}), "0");

  for (const Fsync fsync : {Fsync::everysec, Fsync::always}) {
    PrivateRedis keeping({.fsync = fsync});
    call(keeping, {"SET", "key", "value"});
    keeping.kill();
    keeping.start();
    EXPECT_EQ(call(keeping, {"GET", "key"}), "value") << "SIGKILL of Redis is no power cut";
  }
}

TEST_F(PrivateRedisTest, TakesItsOptions) {
  PrivateRedis own(
      {.fsync = Fsync::always, .maxmemory = 12'345'678, .arguments = {"--databases", "3"}});
  EXPECT_EQ(call(own, {"CONFIG", "GET", "appendfsync"}), "[appendfsync, always]");
  EXPECT_EQ(call(own, {"CONFIG", "GET", "maxmemory"}), "[maxmemory, 12345678]");
  EXPECT_EQ(call(own, {"CONFIG", "GET", "databases"}), "[databases, 3]");
}

TEST_F(PrivateRedisTest, EndsAtItsCallAndNotTwice) {
  const int pid = server->pid();
  EXPECT_GT(pid, 0);
  server->stop();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(server->pid(), -1);
  server->stop();
  server->kill();
  server->start();
  server->start();
  EXPECT_NE(server->pid(), pid);
  EXPECT_EQ(call(*server, {"PING"}), "PONG");
}

TEST_F(PrivateRedisTest, RemovesItsFolderAndItsProcess) {
  const std::filesystem::path folder = std::filesystem::path(server->socket_path()).parent_path();
  const int pid = server->pid();
  EXPECT_TRUE(std::filesystem::exists(folder / "redis.log"));
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(PrivateRedisTest, EndsEvenWhileItIsStopped) {
  const int pid = server->pid();
  test::send_signal(pid, SIGSTOP);
  server.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(PrivateRedisTest, HearsSignalsThatItsMakerBlocks) {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  PrivateRedis own;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const auto begin = std::chrono::steady_clock::now();
  own.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{9})
      << "it had to be killed";
}

TEST_F(PrivateRedisTest, DiesWithTheProcessThatMadeIt) {
  // A process that is killed cannot remove its server's folder.
  const Folder folder("ferry-test-");
  const Environment temporary("TMPDIR", folder.path());
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    PrivateRedis own;
    const int pid = own.pid();
    const bool told = ::write(pipe_ends[1], &pid, sizeof pid) == sizeof pid;
    ::kill(::getpid(), told ? SIGKILL : SIGABRT);
  }
  int pid = 0;
  ASSERT_EQ(::read(pipe_ends[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ::waitpid(child, nullptr, 0);
  // Whoever adopts it may not have reaped it yet: a zombie has no command line.
  EXPECT_TRUE(eventually([&] {
    const std::filesystem::path program = "/proc/" + std::to_string(pid) + "/exe";
    std::error_code error;
    return std::filesystem::read_symlink(program, error).empty();
  }));
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST_F(PrivateRedisTest, SaysWhatTheServerSaidWhenItCannotStart) {
  try {
    PrivateRedis broken({.arguments = {"--no-such-setting", "1"}});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("no-such-setting"));
  }
}

TEST_F(PrivateRedisTest, SaysThatNoServerProgramIsInstalled) {
  const Environment path("PATH", "/nowhere");
  try {
    PrivateRedis none;
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_THAT(error.what(), HasSubstr("redis-server"));
  }
}

TEST_F(PrivateRedisTest, LivesInTheTemporaryFolderWhateverItsName) {
  const Folder folder("ferry 100% ?");
  {
    const Environment temporary("TMPDIR", folder.path());
    PrivateRedis own;
    EXPECT_TRUE(own.socket_path().starts_with(folder.path().string()));
    EXPECT_EQ(call(own, {"PING"}), "PONG");
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace ferry::test
