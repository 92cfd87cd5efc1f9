#include "access/access_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_from.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr Role all_roles[] = {Role::producer, Role::worker, Role::viewer, Role::admin};

TEST(AccessRulesTest, EveryRoleBeginsWithNothing) {
  for (const Role role : all_roles) {
    const auto words = access_rules(role, "ferry", {});
    EXPECT_EQ(std::vector<std::string>(words.begin(), words.begin() + 3),
              (std::vector<std::string>{"-@all", "resetkeys", "resetchannels"}));
    EXPECT_EQ(parse_role(to_string(role)), role);
  }
  EXPECT_FALSE(parse_role("root"));
}

TEST(AccessRulesTest, NoRoleGetsACategoryOrWhatIsDangerous) {
  for (const Role role : all_roles) {
    const auto words = access_rules(role, "ferry", {});
    EXPECT_THAT(words, Each(Not(HasSubstr("+@"))));
    for (const char* command : {"eval", "config", "flush", "keys ", "scan ", "acl", "+del",
                                "monitor", "debug", "script", "client|kill", "allkeys", "~*"}) {
      for (const auto& word : words) {
        if (word == "resetkeys" || word.find("+hscan") != std::string::npos) continue;
        EXPECT_THAT(word, Not(HasSubstr(command))) << to_string(role);
      }
    }
  }
}

TEST(AccessRulesTest, AProducerHasNoCommandThatReadsAJob) {
  for (const auto& word : access_rules(Role::producer, "ferry", {})) {
    for (const char* command : {"xrange", "xread", "xinfo|stream", "xclaim", "hgetall", "zrange"}) {
      EXPECT_THAT(word, Not(HasSubstr(command)));
    }
    if (word.find(":parked") != std::string::npos) {
      EXPECT_EQ(word, "(+hexists +hsetnx ~ferry:{*}:parked)");
    }
  }
}

TEST(AccessRulesTest, AViewerMayOnlyRead) {
  const auto words = access_rules(Role::viewer, "ferry", {});
  EXPECT_THAT(words, Contains("%R~ferry:{*}:*"));
  EXPECT_THAT(words, Contains("%R~ferry:queues"));
  for (const auto& word : words) {
    if (word.find('~') == std::string::npos) continue;
    EXPECT_THAT(word, StartsWith("%R~"));
  }
}

TEST(AccessRulesTest, NamesTheQueuesOneByOne) {
  const auto words = access_rules(Role::worker, "app", {"mail", "files"});
  EXPECT_THAT(words, Contains("(+fcall ~app:{mail:*}:* ~app:{files:*}:*)"));
  EXPECT_THAT(words, Contains(AllOf(StartsWith("(+xreadgroup "),
                                    EndsWith(" ~app:{mail:*}:ready:* ~app:{files:*}:ready:*)"))));
  for (const auto& word : words) EXPECT_THAT(word, Not(HasSubstr("{*}")));
}

TEST(AccessRulesTest, RefusesWhatIsNoName) {
  for (const char* name : {"", "a b", "*", "a:b", "a}", "a)"}) {
    EXPECT_EQ(error_from([&] { access_rules(Role::worker, name, {}); }).code(),
              ErrorCode::invalid_argument);
    EXPECT_EQ(error_from([&] { access_rules(Role::worker, "ferry", {name}); }).code(),
              ErrorCode::invalid_argument);
    EXPECT_EQ(error_from([&] { access_line({.name = name}, "password"); }).code(),
              ErrorCode::invalid_argument);
  }
  EXPECT_EQ(error_from([&] { access_line({.name = "user"}, ""); }).code(),
            ErrorCode::invalid_argument);
}

TEST(AccessRulesTest, TheLineShowsThePasswordsHashOnly) {
  const std::string line = access_line({.name = "me", .role = Role::producer}, "abc");
  EXPECT_THAT(line, StartsWith("ACL SETUSER me reset on "
                               "#ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad "
                               "-@all "));
  EXPECT_THAT(line, Not(HasSubstr("abc ")));
}

}  // namespace
}  // namespace ferry::test
