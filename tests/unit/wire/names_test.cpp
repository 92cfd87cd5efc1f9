#include "wire/names.hpp"

#include <gtest/gtest.h>

#include "ferry/error.hpp"

namespace ferry::wire {
namespace {

TEST(NamesTest, AcceptsOneTo64OfTheAllowedCharacters) {
  EXPECT_TRUE(is_name("a"));
  EXPECT_TRUE(is_name("AZaz09_.-"));
  EXPECT_TRUE(is_name(std::string(64, 'x')));
}

TEST(NamesTest, RefusesWhatCouldBreakAKeyOrALogLine) {
  const std::string_view with_nul("a\0b", 3);
  for (const std::string_view text : std::initializer_list<std::string_view>{
           "", "a b", "a:b", "{a}", "a/b", "a\n", "ü", with_nul}) {
    EXPECT_FALSE(is_name(text)) << text;
  }
  EXPECT_FALSE(is_name(std::string(65, 'x')));
}

TEST(NamesTest, NamesTheFieldAndShowsTheTextOnOneShortLine) {
  try {
    require_name("queue", "a\n" + std::string(500, 'b'));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_EQ(error.what(), "queue is \"a?" + std::string(126, 'b') +
                                "…\": expected 1 to 64 of A-Z a-z 0-9 _ . -");
  }
  EXPECT_NO_THROW(require_name("queue", "mail"));
}

}  // namespace
}  // namespace ferry::wire
