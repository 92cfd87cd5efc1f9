// Every example as a stranger runs it, on little input.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "scratch_folder.hpp"
#include "support/redis_test.hpp"
#include "support/run_program.hpp"

namespace {

namespace fs = std::filesystem;
using ferry::test::Ended;
using ferry::test::program;
using ferry::test::run;
using ::testing::HasSubstr;

class ExamplesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // The programs start servers of their own; without one there is nothing to see.
    ferry::test::start_redis();
  }

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((folder_ / "headers" / name).parent_path());
    std::ofstream(folder_ / "headers" / name) << text;
  }

  std::string headers() const { return (folder_ / "headers").string(); }
  std::string database() const { return (folder_ / "index.sqlite").string(); }

  const ferry::ScratchFolder scratch_;
  const fs::path folder_ = scratch_.path();
};

using DocumentsTest = ExamplesTest;

TEST_F(DocumentsTest, FindsEveryFileByASearch) {
  for (int i = 0; i < 40; ++i) {
    write("part" + std::to_string(i % 3) + "/file" + std::to_string(i) + ".hpp",
          "// ferry carries word" + std::to_string(i) + " across\n");
  }
  write("readme.txt", "word1 is no header");
  const Ended indexed =
      run(program("documents") + " index " + headers() + " --database " + database());
  ASSERT_EQ(indexed.code, 0) << indexed.output;
  EXPECT_THAT(indexed.output, HasSubstr("40 of 40 files"));
  EXPECT_THAT(indexed.output, HasSubstr("40 documents are in"));
  for (int i = 0; i < 40; ++i) {
    const Ended found = run(program("documents") + " search word" + std::to_string(i) +
                            " --database " + database());
    EXPECT_EQ(found.code, 0);
    EXPECT_THAT(found.output, HasSubstr("1 of 40 documents"));
    EXPECT_THAT(found.output, HasSubstr("/file" + std::to_string(i) + ".hpp"));
  }
}

TEST_F(DocumentsTest, ReplacesADocumentThatIsIndexedAgain) {
  write("a.h", "before");
  const std::string index =
      program("documents") + " index " + headers() + " --database " + database();
  ASSERT_EQ(run(index).code, 0);
  write("a.h", "after");
  ASSERT_EQ(run(index).code, 0);
  const std::string search = program("documents") + " search --database " + database() + " ";
  EXPECT_THAT(run(search + "before").output, HasSubstr("0 of 1 documents"));
  EXPECT_THAT(run(search + "after").output, HasSubstr("1 of 1 documents"));
}

TEST_F(DocumentsTest, GivesFilesItCannotReadToTheDeadLettersWithTheReason) {
  write("good.h", "fine");
  write("huge.h", std::string(4 * 1024 * 1024 + 1, 'x'));
  fs::create_symlink("/nonexistent/file.h", fs::path(headers()) / "gone.h");
  ASSERT_EQ(mkfifo((headers() + "/pipe.h").c_str(), 0600), 0);
  const Ended ended =
      run(program("documents") + " index " + headers() + " --database " + database());
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("3 files became dead letters"));
  EXPECT_THAT(ended.output, HasSubstr("gone.h: cannot open file: No such file or directory"));
  EXPECT_THAT(ended.output, HasSubstr("huge.h: file has 4194305 bytes, more than the limit"));
  EXPECT_THAT(ended.output, HasSubstr("pipe.h: not a regular file"));
  EXPECT_THAT(ended.output, HasSubstr("1 documents are in"));
}

TEST_F(DocumentsTest, TakesSearchWordsLiterally) {
  write("a.h", "alpha AND \"beta\"");
  ASSERT_EQ(run(program("documents") + " index " + headers() + " --database " + database()).code,
            0);
  const Ended ended =
      run(program("documents") + " search 'al\"pha' 'NEAR(' --database " + database());
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.output, HasSubstr("0 of 1 documents"));
}

TEST_F(DocumentsTest, ComparesAndShowsThatTheIndexIsThere) {
  for (int i = 0; i < 30; ++i) write(std::to_string(i) + ".h", "a mutex and a lock");
  const Ended ended = run(program("documents") + " compare --repetitions 1 --folder " + headers());
  ASSERT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("30 of 30 documents in the index match"));
  EXPECT_THAT(ended.output, HasSubstr("No verdict: underpowered"));
}

TEST_F(ExamplesTest, ScoringGivesTheSameScoresUnderEveryPolicy) {
  // Every run is checked against plain loops; a wrong score ends the comparison.
  const Ended ended = run(program("scoring") + " compare --limit 300 --repetitions 1");
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("checked against plain loops"));
}

TEST_F(ExamplesTest, MailServiceDeliversWhatWasHandedOver) {
  const Ended ended =
      run(std::string(FERRY_SOURCE_DIR) + "/examples/mail_service/demo " + FERRY_BIN_DIR);
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("To: ada@example.org"));
  EXPECT_THAT(ended.output, HasSubstr("Subject: Invoice"));
}

TEST_F(ExamplesTest, EffectsAreExactAlthoughWorkersAreKilled) {
  const Ended ended =
      run(std::string(FERRY_SOURCE_DIR) + "/examples/effects/demo " + FERRY_BIN_DIR);
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("workers killed: 12"));
  EXPECT_THAT(ended.output, HasSubstr("applied:        18000 deposits, 162009000 cents"));
}

}  // namespace
