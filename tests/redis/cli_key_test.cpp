// `ferry key`, and the commands that take a key file.

#include <sys/stat.h>

#include <fstream>

#include "scratch_folder.hpp"
#include "support/cli_test.hpp"

namespace ferry::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class CliKeyTest : public CliTest {
 protected:
  const ScratchFolder folder_;
  const std::string file_ = folder_.file("payload.keys");
};

TEST_F(CliKeyTest, PrintsANewLineOrPutsItInFrontOfAPrivateFile) {
  const Ended printed = ferry({"key", "k0"});
  EXPECT_EQ(printed.exit_code, 0) << printed.err;
  EXPECT_THAT(printed.out, MatchesRegex("k0 [0-9a-f]*\n"));
  EXPECT_EQ(printed.out.size(), 3u + 64 + 1);
  EXPECT_NE(printed.out, ferry({"key", "k0"}).out);

  for (const char* id : {"k1", "k2"}) {
    const Ended ended = ferry({"key", id, "--file", file_});
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    EXPECT_THAT(ended.out, Not(testing::ContainsRegex("[0-9a-f]{16}")));
  }
  struct stat about {};
  ASSERT_EQ(::stat(file_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777u, 0600u);
  std::ifstream lines(file_);
  std::string first;
  std::getline(lines, first);
  EXPECT_TRUE(first.starts_with("k2 "));
  EXPECT_THAT(ferry({"key", "k1", "--file", file_}).err, HasSubstr("already"));
  EXPECT_EQ(ferry({"key", "no blanks"}).exit_code, 2);
}

TEST_F(CliKeyTest, ASealedDeadLetterIsShownWithItsKeyOnly) {
  ASSERT_EQ(ferry({"key", "k1", "--file", file_}).exit_code, 0);
  ASSERT_EQ(ferry({"enqueue", "post", "--payload-keys", file_},
                  R"({"kind": "mail", "payload": {"word": "hidden"}})")
                .exit_code,
            0);
  const std::string id = kill_one("post", "declined");

  const Ended closed = ferry({"dead", "show", "post", id});
  EXPECT_EQ(closed.exit_code, 0) << closed.err;
  EXPECT_THAT(closed.out, HasSubstr("sealed with key 'k1', 53 bytes"));
  EXPECT_THAT(closed.out, Not(HasSubstr("hidden")));
  const json told = ask({"dead", "show", "post", id});
  EXPECT_EQ(told.at("sealed_with"), "k1");
  EXPECT_FALSE(told.contains("payload") || told.contains("payload_hex"));
  EXPECT_THAT(ferry({"dead", "ls", "post"}).out, HasSubstr("declined"));

  const Ended open = ferry({"dead", "show", "post", id, "--payload-keys", file_});
  EXPECT_EQ(open.exit_code, 0) << open.err;
  EXPECT_THAT(open.out, HasSubstr("hidden"));
  EXPECT_EQ(ask({"dead", "show", "post", id, "--payload-keys", file_}).at("payload").at("word"),
            "hidden");

  const std::string other = folder_.file("other.keys");
  ASSERT_EQ(ferry({"key", "k2", "--file", other}).exit_code, 0);
  const Ended wrong = ferry({"dead", "show", "post", id, "--payload-keys", other});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("key 'k1'"));
}

TEST_F(CliKeyTest, AnEnqueueWithABadFileEnqueuesNothing) {
  std::ofstream(file_) << "k1 0123\n";
  ::chmod(file_.c_str(), 0600);
  const Ended ended =
      ferry({"enqueue", "post", "--payload-keys", file_}, R"({"kind": "mail", "payload": 1})");
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.err, HasSubstr("payload.keys:1: "));
  EXPECT_THAT(ended.err, Not(HasSubstr("0123")));
}

}  // namespace
}  // namespace ferry::test
