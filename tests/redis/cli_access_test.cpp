// `ferry setup --acl`: users with few rights, and what becomes of their passwords.

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "scratch_folder.hpp"
#include "support/cli_test.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class CliAccessTest : public CliTest {
 protected:
  std::string password_of(const std::string& user) const {
    std::ifstream file(folder_ + "/" + user + ".password");
    std::string password;
    std::getline(file, password);
    return password;
  }

  /// The program as another user.
  Ended as(const std::string& user, const Words& words) {
    std::string url = server().url();
    url.insert(url.find("://") + 3, user + "@");
    Words all = words;
    all.insert(all.end(), {"--redis", url, "--password-file", folder_ + "/" + user + ".password"});
    return ferry(all);
  }

  const ScratchFolder scratch_;
  const std::string folder_ = scratch_.path().string();
};

TEST_F(CliAccessTest, PrintsTheLinesWithoutAPasswordAndTouchesNoRedis) {
  environment[0] = "FERRY_REDIS=unix:///does/not/exist.sock";
  const Ended printed = ferry({"setup", "--acl", "--passwords", folder_});
  EXPECT_EQ(printed.exit_code, 0) << printed.err;
  const auto lines = lines_of(printed.out);
  ASSERT_EQ(lines.size(), 4u);
  for (const char* role : {"producer", "worker", "viewer", "admin"}) {
    const std::string user = std::string("ferry-") + role;
    EXPECT_THAT(printed.out, HasSubstr("ACL SETUSER " + user + " reset on #"));
    EXPECT_EQ(password_of(user).size(), 43u);
    EXPECT_THAT(printed.out + printed.err, Not(HasSubstr(password_of(user))));
    struct stat status {};
    ASSERT_EQ(::stat((folder_ + "/" + user + ".password").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
  }
  EXPECT_EQ(ferry({"setup", "--acl", "--passwords", folder_}).out, printed.out)
      << "passwords that are there are kept";
}

TEST_F(CliAccessTest, MakesAFolderForPasswordsThatIsMissing) {
  const std::string missing = folder_ + "/new";
  EXPECT_EQ(ferry({"setup", "--acl", "--passwords", missing}).exit_code, 0);
  struct stat status {};
  ASSERT_EQ(::stat(missing.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  const Ended refused = ferry({"setup", "--acl", "--passwords", folder_ + "/a/b/c"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("cannot be made: No such file or directory"));
}

TEST_F(CliAccessTest, WhatIsPrintedCanBeSentToRedis) {
  const Ended printed = ferry({"setup", "--acl", "--passwords", folder_});
  for (const std::string& line : lines_of(printed.out)) {
    std::istringstream words(line);
    std::vector<std::string> command{std::istream_iterator<std::string>(words), {}};
    const std::vector<std::string_view> sent(command.begin(), command.end());
    connection->call(sent);
  }
  enqueue("mail", 3);
  EXPECT_THAT(as("ferry-viewer", {"queue", "ls"}).out, HasSubstr("mail"));
  EXPECT_EQ(as("ferry-producer", {"queue", "ls"}).exit_code, 4);
}

TEST_F(CliAccessTest, MakesTheUsersAndSaysThatRedisForgetsThem) {
  connection->call({"FUNCTION", "FLUSH"});
  const Ended made = ferry({"setup", "--acl", "--apply", "--passwords", folder_});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("User ferry-worker may do what a worker must"));
  EXPECT_THAT(made.err, HasSubstr("has no ACL file"));
  enqueue("mail", 3);
  EXPECT_EQ(as("ferry-admin", {"queue", "pause", "mail"}).exit_code, 0);
  EXPECT_EQ(as("ferry-viewer", {"stats"}).exit_code, 0);
  const Ended refused = as("ferry-viewer", {"queue", "purge", "mail", "--yes"});
  EXPECT_EQ(refused.exit_code, 4);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("NOPERM"), HasSubstr("ferry_v1_remove"),
                                 HasSubstr("the role admin")));
  const Ended doctor = as("ferry-viewer", {"doctor"});
  EXPECT_EQ(doctor.exit_code, 0) << doctor.out;
}

TEST_F(CliAccessTest, LimitsAUserToItsQueuesAndTakesItsPasswordFromTheEnvironment) {
  environment.emplace_back("FERRY_ADMIN_PASSWORD=of-the-environment");
  const Ended made = ferry({"setup", "--acl", "--apply", "--role", "admin", "--queue", "mail",
                            "--user", "postmaster", "--output", "json"});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.out + made.err, Not(HasSubstr("of-the-environment")));
  const json user = made.value().at("users").at(0);
  EXPECT_EQ(user.at("user"), "postmaster");
  EXPECT_EQ(user.at("password_from"), "FERRY_ADMIN_PASSWORD");
  EXPECT_THAT(std::filesystem::is_empty(folder_), true);
  enqueue("mail", 1);
  enqueue("files", 1);
  environment.emplace_back("FERRY_REDIS_PASSWORD=of-the-environment");
  std::string url = server().url();
  url.insert(url.find("://") + 3, "postmaster@");
  EXPECT_EQ(ferry({"queue", "purge", "mail", "--yes", "--redis", url}).exit_code, 0);
  EXPECT_EQ(ferry({"queue", "purge", "files", "--yes", "--redis", url}).exit_code, 4);
}

TEST_F(CliAccessTest, KeepsTheUsersWhereRedisHasAFileForThem) {
  const std::string file = folder_ + "/users.acl";
  std::ofstream(file) << "";
  const PrivateRedis own({.arguments = {"--aclfile", file}});
  environment[0] = "FERRY_REDIS=" + own.url();
  const Ended made = ferry({"setup", "--acl", "--apply", "--passwords", folder_});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.err, IsEmpty());
  std::stringstream saved;
  saved << std::ifstream(file).rdbuf();
  EXPECT_THAT(saved.str(), HasSubstr("user ferry-producer on "));
}

TEST_F(CliAccessTest, RefusesWhatIsIncomplete) {
  const std::vector<std::pair<Words, const char*>> bad{
      {{"setup", "--acl"}, "needs a password: give --passwords FOLDER"},
      {{"setup", "--apply"}, "--apply requires --acl"},
      {{"setup", "--acl", "--user", "me", "--passwords", folder_}, "give one --role with it"},
      {{"setup", "--acl", "--role", "root", "--passwords", folder_}, "root not in"},
      {{"setup", "--acl", "--queue", "a b", "--passwords", folder_}, "queue is \"a b\""},
      {{"setup", "--acl", "--passwords", "/does/not/exist"}, "cannot be made"}};
  for (const auto& [words, message] : bad) {
    const Ended ended = ferry(words);
    EXPECT_EQ(ended.exit_code, 2) << ended.err;
    EXPECT_THAT(ended.err, AllOf(StartsWith("ferry: "), HasSubstr(message)));
  }
}

}  // namespace
}  // namespace ferry::test
