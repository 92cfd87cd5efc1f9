#include "functions/library.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "ferry/setup.hpp"
#include "support/redis_test.hpp"

namespace ferry::test {
namespace {

using redis::Connection;
using testing::HasSubstr;

class LibraryTest : public RedisTest {
 protected:
  void SetUp() override {
    RedisTest::SetUp();
    if (IsSkipped()) return;
    Connection(options()).call({"FUNCTION", "FLUSH"});
  }

  static std::int64_t loaded() {
    return Connection(options()).call({"FCALL", "ferry_v1_revision", "0"})->root().integer;
  }

  /// A library of Ferry's name that answers another revision.
  static void load_revision(int revision) {
    const std::string text =
        "#!lua name=ferry_v1\nredis.register_function{function_name='ferry_v1_revision', "
        "callback=function() return " +
        std::to_string(revision) + " end, flags={'no-writes'}}";
    Connection(options()).call({"FUNCTION", "LOAD", "REPLACE", text});
  }

  static std::string functions() {
    return show(Connection(options()).call({"FUNCTION", "LIST"})->root());
  }
};

TEST_F(LibraryTest, SaysItsRevision) {
  EXPECT_GE(library_revision(), 1);
  EXPECT_TRUE(library_text().starts_with("#!lua name=ferry_v1\n"));
}

TEST_F(LibraryTest, LoadsOnceAndThenFindsItself) {
  Connection connection(options());
  EXPECT_TRUE(ensure_library(connection));
  EXPECT_EQ(loaded(), library_revision());
  EXPECT_FALSE(ensure_library(connection));
}

TEST_F(LibraryTest, CostsOneCommandWhenItIsThere) {
  Connection connection(options());
  ensure_library(connection);
  const auto before = connection.meter().commands;
  ensure_library(connection);
  EXPECT_EQ(connection.meter().commands - before, 1u);
}

TEST_F(LibraryTest, ReplacesALowerRevision) {
  load_revision(library_revision() - 1);
  EXPECT_TRUE(install_functions(options()));
  EXPECT_EQ(loaded(), library_revision());
  EXPECT_THAT(functions(), HasSubstr("ferry_v1_enqueue"));
}

TEST_F(LibraryTest, LeavesALaterRevisionAlone) {
  load_revision(library_revision() + 1);
  EXPECT_FALSE(install_functions(options()));
  EXPECT_EQ(loaded(), library_revision() + 1);
}

TEST_F(LibraryTest, LetsEveryLoaderOfARaceSucceed) {
  std::atomic<int> loads = 0;
  std::atomic<int> waiting = 8;
  std::vector<std::thread> loaders;
  for (int i = 0; i < 8; ++i) {
    loaders.emplace_back([&] {
      Connection connection(options());
      connection.connect();
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      if (ensure_library(connection)) ++loads;
    });
  }
  for (std::thread& loader : loaders) loader.join();
  EXPECT_GE(loads, 1);
  EXPECT_EQ(loaded(), library_revision());
}

TEST_F(LibraryTest, SurvivesARestart) {
  auto own = start_redis({.fsync = Fsync::always});
  ASSERT_TRUE(own);
  EXPECT_TRUE(install_functions({.url = own->url()}));
  own->kill();
  own->start();
  EXPECT_FALSE(install_functions({.url = own->url()}));
}

TEST_F(LibraryTest, TellsAUserWhoMayNotLoadWhatToDo) {
  Connection admin(options());
  admin.call({"ACL", "SETUSER", "worker", "on", ">pw", "+@all", "-function", "~*"});
  const RedisOptions as_worker{.url = "unix://worker:pw@" + server().socket_path()};
  try {
    install_functions(as_worker);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::denied);
    EXPECT_THAT(error.what(), HasSubstr("run `ferry setup` as a user who may"));
  }
  install_functions(options());
  EXPECT_FALSE(install_functions(as_worker)) << "once they are there, nobody has to load them";
}

TEST_F(LibraryTest, TellsAUserWhoMayNotCallFunctionsWhatIsMissing) {
  Connection admin(options());
  admin.call({"ACL", "SETUSER", "reader", "on", ">pw", "+get", "~*"});
  try {
    install_functions({.url = "unix://reader:pw@" + server().socket_path()});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::denied);
    EXPECT_THAT(error.what(), HasSubstr("+fcall"));
  }
}

TEST_F(LibraryTest, AsksForALaterServerWhereThereAreNoFunctions) {
  // Redis 6 answers FCALL as this one does once the command has another name.
  auto own = start_redis({.arguments = {"--rename-command", "FCALL", ""}});
  ASSERT_TRUE(own);
  try {
    install_functions({.url = own->url()});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_THAT(error.what(), HasSubstr("Redis 7.0 or later"));
  }
}

TEST_F(LibraryTest, ThrowsOptionsOutOfRange) {
  EXPECT_THROW(install_functions({.url = "nonsense"}), Error);
}

}  // namespace
}  // namespace ferry::test
