#include "redis/errors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace ferry::redis {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ErrorsTest, ShowsAReplyOnOneShortLine) {
  const std::string message =
      error_of("ERR a\r\nforged line\x1b[31m" + std::string(5000, 'x')).what();
  EXPECT_THAT(message, HasSubstr("\"ERR a??forged line?[31mxxx"));
  EXPECT_LT(message.size(), 600u);
}

TEST(ErrorsTest, SortsWhatRedisReplies) {
  struct Row {
    std::string_view text;
    Remedy remedy;
    ErrorCode code;
  };
  const std::vector<Row> table{
      {"LOADING Redis is loading the dataset in memory", Remedy::retry, ErrorCode::unavailable},
      {"TRYAGAIN Multiple keys request during rehashing of slot", Remedy::retry,
       ErrorCode::unavailable},
      {"CLUSTERDOWN The cluster is down", Remedy::retry, ErrorCode::unavailable},
      {"BUSY Redis is busy running a script.", Remedy::retry, ErrorCode::unavailable},
      {"MISCONF Redis is configured to save RDB snapshots", Remedy::retry, ErrorCode::unavailable},
      {"NOREPLICAS Not enough good replicas to write.", Remedy::retry, ErrorCode::unavailable},
      {"MASTERDOWN Link with MASTER is down", Remedy::retry, ErrorCode::unavailable},
      {"ERR max number of clients reached", Remedy::retry, ErrorCode::unavailable},
      {"READONLY You can't write against a read only replica.", Remedy::reconnect,
       ErrorCode::unavailable},
      {"UNBLOCKED force unblock from blocking operation", Remedy::reconnect,
       ErrorCode::unavailable},
      {"OOM command not allowed when used memory > 'maxmemory'.", Remedy::tell_caller,
       ErrorCode::out_of_memory},
      {"WRONGTYPE Operation against a key holding the wrong kind of value", Remedy::tell_caller,
       ErrorCode::internal},
      {"FERRYBAD no job has the index 9", Remedy::tell_caller, ErrorCode::internal},
      {"FERRYBROKEN the counter done of x is no whole number", Remedy::tell_caller,
       ErrorCode::corrupt},
      {"ERR unknown command 'FCALL'", Remedy::tell_caller, ErrorCode::unsupported},
      {"ERR Function not found", Remedy::install, ErrorCode::unsupported},
      {"NOGROUP No such key 'x' or consumer group 'ferry'", Remedy::make_group,
       ErrorCode::unavailable},
      {"NOAUTH Authentication required.", Remedy::stop, ErrorCode::denied},
      {"WRONGPASS invalid username-password pair", Remedy::stop, ErrorCode::denied},
      {"NOPERM this user has no permissions", Remedy::stop, ErrorCode::denied},
      {"DENIED Redis is running in protected mode", Remedy::stop, ErrorCode::denied},
      {"MOVED 3999 127.0.0.1:6381", Remedy::stop, ErrorCode::unsupported},
      {"ASK 3999 127.0.0.1:6381", Remedy::stop, ErrorCode::unsupported},
      {"CROSSSLOT Keys in request don't hash to the same slot", Remedy::stop,
       ErrorCode::unsupported},
      {"ERR something else", Remedy::tell_caller, ErrorCode::internal},
      {"", Remedy::tell_caller, ErrorCode::internal},
      {"LOADINGS", Remedy::tell_caller, ErrorCode::internal},
      {"BUSYGROUP Consumer Group name already exists", Remedy::tell_caller, ErrorCode::internal},
  };
  for (const Row& row : table) {
    EXPECT_EQ(remedy_of(row.text), row.remedy) << row.text;
    EXPECT_EQ(error_of(row.text).code(), row.code) << row.text;
    EXPECT_THAT(error_of(row.text).what(), HasSubstr(std::string(row.text)));
  }
}

TEST(ErrorsTest, DoesNotRepeatTheArgumentsOfAnUnknownCommand) {
  const Error error = error_of("ERR unknown command 'AUTH', with args beginning with: 'hunter2' ");
  EXPECT_THAT(error.what(), Not(HasSubstr("hunter2")));
  EXPECT_THAT(error.what(), HasSubstr("'AUTH'"));
}

TEST(ErrorsTest, CutsALongText) {
  const std::string message = error_of("ERR " + std::string(10'000, 'x')).what();
  EXPECT_LT(message.size(), 500u);
}

TEST(ErrorsTest, SpellsEveryCodeDifferently) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
    names.insert(to_string(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::internal) + 1);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace ferry::redis
