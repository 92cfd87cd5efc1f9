// Who may connect, to where, and what a refusal says.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "redis/connection.hpp"
#include "support/error_from.hpp"
#include "support/redis_test.hpp"

namespace ferry::test {
namespace {

using redis::Connection;
using testing::HasSubstr;
using testing::Not;

class ConnectionAccessTest : public RedisTest {};

/// A port that nobody listened on a moment ago.
int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

TEST_F(ConnectionAccessTest, AuthenticatesOverTcpAndUnixSockets) {
  const int port = free_port();
  auto own =
      start_redis({.arguments = {"--port", std::to_string(port), "--requirepass", "se:cr@t/%"}});
  ASSERT_TRUE(own);
  const std::string secret = "se%3Acr%40t%2F%25";
  for (const std::string& url : {"redis://:" + secret + "@127.0.0.1:" + std::to_string(port) + "/1",
                                 "redis://default:" + secret + "@localhost:" + std::to_string(port),
                                 "unix://:" + secret + "@" + own->socket_path()}) {
    Connection connection({.url = url});
    EXPECT_EQ(connection.call({"PING"})->root().text, "PONG") << url;
  }
}

TEST_F(ConnectionAccessTest, SaysThatThePasswordIsWrongWithoutTellingIt) {
  auto own = start_redis({.arguments = {"--requirepass", "right"}});
  ASSERT_TRUE(own);
  const Error wrong =
      error_from([&] { Connection({.url = "unix://:hunter2@" + own->socket_path()}).connect(); });
  EXPECT_EQ(wrong.code(), ErrorCode::denied);
  EXPECT_THAT(wrong.what(), Not(HasSubstr("hunter2")));
  EXPECT_THAT(wrong.what(), HasSubstr("WRONGPASS"));
  const Error none = error_from([&] { Connection({.url = own->url()}).connect(); });
  EXPECT_EQ(none.code(), ErrorCode::denied);
  EXPECT_THAT(none.what(), HasSubstr("put user and password into the URL"));
}

TEST_F(ConnectionAccessTest, SaysThatNoPasswordIsAskedForWithoutTellingIt) {
  const Error error = error_from(
      [] { Connection({.url = "unix://:hunter2@" + server().socket_path()}).connect(); });
  EXPECT_EQ(error.code(), ErrorCode::denied);
  EXPECT_THAT(error.what(), Not(HasSubstr("hunter2")));
}

TEST_F(ConnectionAccessTest, WorksForAUserWhoMayDoLittle) {
  Connection admin(options());
  admin.call({"ACL", "SETUSER", "small", "on", ">pw", "+get", "+select", "~*"});
  Connection connection({.url = "unix://small:pw@" + server().socket_path() + "?db=1"});
  EXPECT_TRUE(connection.call({"GET", "key"})->root().is_nil());
  EXPECT_EQ(error_from([&] { connection.call({"PING"}); }).code(), ErrorCode::denied);
}

TEST_F(ConnectionAccessTest, SaysWhereItCouldNotConnect) {
  const int port = free_port();
  const Error tcp = error_from([&] {
    Connection({.url = "redis://u:hunter2@127.0.0.1:" + std::to_string(port)}).connect();
  });
  EXPECT_EQ(tcp.code(), ErrorCode::unavailable);
  EXPECT_THAT(tcp.what(), HasSubstr("redis://u:***@127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(tcp.what(), HasSubstr("Connection refused"));
  const Error unix_socket =
      error_from([] { Connection({.url = "unix:///nowhere/redis.sock"}).connect(); });
  EXPECT_EQ(unix_socket.code(), ErrorCode::unavailable);
  EXPECT_THAT(unix_socket.what(), HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace ferry::test
