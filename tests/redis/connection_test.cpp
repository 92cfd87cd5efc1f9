#include "redis/connection.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "redis/server_info.hpp"
#include "support/error_from.hpp"
#include "support/eventually.hpp"
#include "support/redis_test.hpp"
#include "support/send_signal.hpp"

namespace ferry::test {
namespace {

using namespace std::chrono_literals;
using redis::Connection;
using redis::Reply;
using redis::ReplyPtr;
using testing::HasSubstr;

class ConnectionTest : public RedisTest {};

TEST_F(ConnectionTest, ConnectsOnlyOnce) {
  Connection connection(options());
  EXPECT_FALSE(connection.connected());
  connection.connect();
  connection.connect();
  EXPECT_TRUE(connection.connected());
  EXPECT_EQ(connection.meter().connects, 1u);
}

TEST_F(ConnectionTest, NamesItselfToTheServer) {
  Connection connection(options());
  EXPECT_EQ(connection.call({"CLIENT", "GETNAME"})->root().text, "ferry");
}

TEST_F(ConnectionTest, AnswersAPipelineInOrderInOneRoundTrip) {
  Connection connection(options());
  connection.connect();
  const redis::Meter before = connection.meter();
  for (int i = 0; i < 1000; ++i) {
    connection.append(std::vector<std::string_view>{"INCR", "counter"});
  }
  for (int i = 1; i <= 1000; ++i) ASSERT_EQ(connection.read()->root().integer, i);
  EXPECT_EQ(connection.meter().round_trips - before.round_trips, 1u);
  EXPECT_EQ(connection.meter().commands - before.commands, 1000u);
}

TEST_F(ConnectionTest, CountsTheGreetingToo) {
  Connection connection({.url = server().url() + "?db=2"});
  connection.connect();
  EXPECT_EQ(connection.meter().commands, 2u) << "SELECT and CLIENT SETNAME";
  EXPECT_EQ(connection.meter().round_trips, 1u);
}

TEST_F(ConnectionTest, SelectsTheDatabase) {
  Connection first(options());
  Connection other({.url = server().url() + "?db=2"});
  other.call({"SET", "key", "value"});
  EXPECT_TRUE(first.call({"GET", "key"})->root().is_nil());
}

TEST_F(ConnectionTest, SaysWhichDatabaseIsMissing) {
  const Error error = error_from([] { Connection({.url = server().url() + "?db=99"}).connect(); });
  EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
  EXPECT_THAT(error.what(), HasSubstr("database 99"));
}

TEST_F(ConnectionTest, ReadsLargeReplies) {
  Connection connection(options());
  std::string value(10'000'000, 'x');
  for (std::size_t i = 0; i < value.size(); i += 997) value[i] = static_cast<char>('a' + i % 26);
  connection.call({"SET", "large", value});
  for (int i = 0; i < 3; ++i) ASSERT_EQ(connection.call({"GET", "large"})->root().text, value);
  EXPECT_EQ(connection.call({"PING"})->root().text, "PONG");
}

TEST_F(ConnectionTest, KeepsAReplyAliveBehindLaterOnes) {
  Connection connection(options());
  connection.call({"SET", "a", "first"});
  const ReplyPtr first = connection.call({"GET", "a"});
  for (int i = 0; i < 100; ++i) connection.call({"SET", "a", std::string(5000, 'z')});
  connection.call({"GET", "a"});
  connection.close();
  EXPECT_EQ(first->root().text, "first");
}

TEST_F(ConnectionTest, ReadsNestedArraysOfEveryType) {
  Connection connection(options());
  const ReplyPtr reply = connection.call(
      {"EVAL", "return {1, {'two', {3, false, {}}}, {err = 'OOPS no'}, {ok = 'FINE'}, ''}", "0"});
  EXPECT_EQ(show(reply->root()), "[1, [two, [3, nil, []]], error OOPS no, FINE, ]");
  const Reply& root = reply->root();
  EXPECT_EQ(root[1][0].type, Reply::Type::text);
  EXPECT_EQ(root[1][1][1].type, Reply::Type::nil);
  EXPECT_EQ(root[1][1][2].type, Reply::Type::array);
  EXPECT_EQ(root[2].type, Reply::Type::error);
  EXPECT_EQ(root[3].type, Reply::Type::status);
}

TEST_F(ConnectionTest, ReadsAMissingArrayAsNil) {
  Connection connection(options());
  EXPECT_TRUE(connection.call({"BLPOP", "nothing", "0.001"})->root().is_nil());
}

TEST_F(ConnectionTest, SendsEveryByteAsItIs) {
  Connection connection(options());
  std::string value;
  for (int i = 0; i < 256; ++i) value += static_cast<char>(i);
  value += "\r\n$5\r\n";
  connection.call({"SET", "bytes", value});
  EXPECT_EQ(connection.call({"GET", "bytes"})->root().text, value);
  connection.call({"SET", "empty", ""});
  EXPECT_EQ(connection.call({"GET", "empty"})->root().text, "");
}

TEST_F(ConnectionTest, ReturnsErrorsAsValuesAndThrowsThemFromCall) {
  Connection connection(options());
  connection.call({"SET", "text", "value"});
  EXPECT_TRUE(connection.command({"INCR", "text"})->root().is_error());
  EXPECT_THROW(connection.call({"INCR", "text"}), Error);
  EXPECT_TRUE(connection.connected()) << "an error reply is no I/O error";
}

TEST_F(ConnectionTest, ClosesWhenRedisDoesNotAnswerInTime) {
  Connection connection({.url = server().url(), .command_timeout = 50ms});
  connection.call({"SET", "key", "stale"});
  test::send_signal(server().pid(), SIGSTOP);
  const Error error = error_from([&] { connection.call({"GET", "key"}); });
  test::send_signal(server().pid(), SIGCONT);
  EXPECT_EQ(error.code(), ErrorCode::unavailable);
  EXPECT_THAT(error.what(), HasSubstr("command_timeout"));
  EXPECT_FALSE(connection.connected());
  Connection patient(options());
  patient.call({"PING"});
  EXPECT_TRUE(eventually([&] {
    try {
      // The late reply belongs to the old connection and must not be taken for this one's.
      return connection.call({"PING"})->root().text == "PONG";
    } catch (const Error&) {
      return false;
    }
  }));
}

TEST_F(ConnectionTest, WaitsLongerForCommandsThatBlockOnPurpose) {
  Connection connection({.url = server().url(), .command_timeout = 100ms}, 20s);
  EXPECT_TRUE(connection.call({"BLPOP", "nothing", "0.3"})->root().is_nil());
}

TEST_F(ConnectionTest, ReconnectsAfterTheServerWasKilled) {
  auto own = start_redis();
  ASSERT_TRUE(own);
  Connection connection({.url = own->url()});
  connection.call({"PING"});
  own->kill();
  EXPECT_EQ(error_from([&] { connection.call({"PING"}); }).code(), ErrorCode::unavailable);
  EXPECT_FALSE(connection.connected());
  EXPECT_EQ(error_from([&] { connection.call({"PING"}); }).code(), ErrorCode::unavailable);
  own->start();
  EXPECT_EQ(connection.call({"PING"})->root().text, "PONG");
  EXPECT_EQ(connection.meter().connects, 2u);
}

TEST_F(ConnectionTest, NoticesThatTheServerDroppedIt) {
  Connection connection(options(), 20s);
  Connection other(options());
  const std::string id = std::to_string(connection.call({"CLIENT", "ID"})->root().integer);
  connection.append(std::vector<std::string_view>{"BLPOP", "nothing", "0"});
  connection.flush();
  other.call({"CLIENT", "KILL", "ID", id});
  const Error error = error_from([&] { connection.read(); });
  EXPECT_EQ(error.code(), ErrorCode::unavailable);
  EXPECT_FALSE(connection.connected());
}

TEST_F(ConnectionTest, ForgetsWhatWasUnansweredWhenItReconnects) {
  Connection connection(options());
  connection.connect();
  for (int i = 0; i < 5; ++i) connection.append(std::vector<std::string_view>{"INCR", "counter"});
  connection.close();
  EXPECT_EQ(connection.call({"PING"})->root().text, "PONG");
  EXPECT_TRUE(connection.call({"GET", "counter"})->root().is_nil());
}

TEST_F(ConnectionTest, RefusesToLoseACommandSilently) {
  Connection connection(options());
  const std::vector<std::string_view> ping{"PING"};
  EXPECT_EQ(error_from([&] { connection.append(ping); }).code(), ErrorCode::unavailable);
  connection.connect();
  EXPECT_EQ(error_from([&] { connection.read(); }).code(), ErrorCode::internal);
  connection.connect();
  connection.append(ping);
  EXPECT_EQ(error_from([&] { connection.command({"PING"}); }).code(), ErrorCode::internal)
      << "its reply would be mistaken for the earlier command's";
}

TEST_F(ConnectionTest, SaysThatWhatAnswersIsNoRedis) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  std::thread web_server([&] {
    const int peer = ::accept(listener, nullptr, nullptr);
    constexpr std::string_view text = "HTTP/1.1 400 Bad Request\r\n\r\n";
    EXPECT_EQ(::write(peer, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(peer);
  });
  Connection connection({.url = "redis://127.0.0.1:" + std::to_string(ntohs(address.sin_port))});
  const Error error = error_from([&] { connection.connect(); });
  web_server.join();
  ::close(listener);
  EXPECT_EQ(error.code(), ErrorCode::internal);
  EXPECT_THAT(error.what(), HasSubstr("is there a Redis at this address?"));
  EXPECT_FALSE(connection.connected());
}

TEST_F(ConnectionTest, InterruptsAReadThatIsUnderWay) {
  Connection connection(options(), 60s);
  connection.connect();
  std::thread other([&] {
    Connection watcher(options());
    EXPECT_TRUE(eventually([&] {
      const auto info = redis::server_info(watcher, "clients");
      return redis::field(*info, "blocked_clients") == "1";
    }));
    connection.interrupt();
  });
  const Error error = error_from([&] { connection.command({"BLPOP", "nothing", "0"}); });
  other.join();
  EXPECT_EQ(error.code(), ErrorCode::stopped);
  EXPECT_FALSE(connection.connected());
  EXPECT_EQ(connection.call({"PING"})->root().text, "PONG") << "connecting anew forgets it";
}

TEST_F(ConnectionTest, InterruptsLaterReadsUntilItConnectsAnew) {
  Connection connection(options());
  connection.connect();
  connection.interrupt();
  EXPECT_EQ(error_from([&] { connection.command({"PING"}); }).code(), ErrorCode::stopped);
  EXPECT_EQ(connection.call({"PING"})->root().text, "PONG");
}

TEST_F(ConnectionTest, SurvivesInterruptsAtEveryMoment) {
  Connection connection(options());
  std::atomic<bool> ended = false;
  std::thread other([&] {
    while (!ended) {
      connection.interrupt();
      std::this_thread::yield();
    }
  });
  int answered = 0;
  EXPECT_TRUE(eventually([&] {
    try {
      const std::string text = "round " + std::to_string(answered);
      EXPECT_EQ(connection.call({"ECHO", text})->root().text, text);
      ++answered;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::stopped) << error.what();
    }
    return answered > 0 && connection.meter().connects > 50;
  }));
  ended = true;
  other.join();
}

TEST_F(ConnectionTest, CountsTheSameBytesAsRedis) {
  struct Totals {
    std::uint64_t in = 0;   ///< bytes that Redis received
    std::uint64_t out = 0;  ///< bytes that Redis sent before the reply that says so
  };
  Connection watcher(options());
  Connection connection(options());
  watcher.connect();
  const auto said_by_redis = [&] {
    const auto info = redis::server_info(watcher, "stats");
    const auto number = [&](std::string_view name) {
      return std::stoull(std::string(redis::field(*info, name)));
    };
    return Totals{number("total_net_input_bytes"), number("total_net_output_bytes")};
  };
  const auto counted = [&](std::uint64_t watcher_in) {
    return Totals{connection.meter().bytes_out + watcher.meter().bytes_out,
                  connection.meter().bytes_in + watcher_in};
  };

  std::uint64_t watcher_in = watcher.meter().bytes_in;
  const Totals redis_before = said_by_redis();
  const Totals counted_before = counted(watcher_in);
  connection.call({"SET", "value", std::string(3'000'000, 'v')});
  connection.call({"GET", "value"});
  for (int i = 0; i < 100; ++i) connection.append(std::vector<std::string_view>{"PING"});
  for (int i = 0; i < 100; ++i) connection.read();
  connection.command({"INCR", "value"});
  watcher_in = watcher.meter().bytes_in;
  const Totals redis_after = said_by_redis();
  const Totals counted_after = counted(watcher_in);

  EXPECT_EQ(counted_after.in - counted_before.in, redis_after.in - redis_before.in);
  EXPECT_EQ(counted_after.out - counted_before.out, redis_after.out - redis_before.out);
}

TEST_F(ConnectionTest, MovesWithItsState) {
  Connection first(options());
  first.call({"SET", "key", "value"});
  Connection second = std::move(first);
  EXPECT_EQ(second.call({"GET", "key"})->root().text, "value");
  EXPECT_EQ(second.meter().connects, 1u);
}

TEST_F(ConnectionTest, SendsMoreThanTheSocketTakesAtOnce) {
  Connection connection(options());
  connection.connect();
  const std::string value(200'000, 'v');
  for (int i = 0; i < 100; ++i) {
    connection.append(std::vector<std::string_view>{"SET", "key", value});
    connection.append(std::vector<std::string_view>{"GET", "key"});
  }
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(connection.read()->root().text, "OK");
    ASSERT_EQ(connection.read()->root().text.size(), value.size());
  }
  EXPECT_EQ(connection.meter().round_trips, 2u);
}

}  // namespace
}  // namespace ferry::test
