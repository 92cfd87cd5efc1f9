#include "secrets/password.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "ferry/setup.hpp"
#include "scratch_folder.hpp"
#include "support/error_from.hpp"

namespace ferry::test {
namespace {

using namespace secrets;

class PasswordTest : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }

  const ScratchFolder scratch_;
  const std::string folder_ = scratch_.path().string();
};

// Source: FIPS 180-4, examples of SHA-256.
TEST_F(PasswordTest, HashesAsTheStandardSays) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_F(PasswordTest, IsLongAndNeedsNoQuotes) {
  const std::string one = random_password();
  EXPECT_EQ(one.size(), 43u);
  EXPECT_THAT(one, testing::MatchesRegex("[A-Za-z0-9_-]*"));
  EXPECT_NE(one, random_password());
}

TEST_F(PasswordTest, IsTheFirstLine) {
  EXPECT_EQ(first_line(file("a", "secret\nnot this")), "secret");
  EXPECT_EQ(first_line(file("b", "secret\r\n")), "secret");
  EXPECT_EQ(first_line(file("c", "with spaces ")), "with spaces ");
  for (const std::string& path : {file("d", ""), file("e", "\nlater"), folder_ + "/missing"}) {
    EXPECT_EQ(error_from([&] { first_line(path); }).code(), ErrorCode::invalid_argument);
  }
}

TEST_F(PasswordTest, IsMadeForItsOwnerAloneAndKept) {
  const std::string path = folder_ + "/made";
  const std::string made = password_from_file(path);
  EXPECT_EQ(made.size(), 43u);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(password_from_file(path), made);
  EXPECT_EQ(error_from([&] { write_private_file(path, "other"); }).code(),
            ErrorCode::invalid_argument);
  EXPECT_EQ(password_from_file(path), made);
  EXPECT_EQ(error_from([&] { password_from_file(folder_ + "/no/folder"); }).code(),
            ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace ferry::test
