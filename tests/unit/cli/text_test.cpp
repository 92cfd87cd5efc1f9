#include "cli/parts/text.hpp"

#include <gtest/gtest.h>

#include "cli/parts/table.hpp"

namespace ferry::cli {
namespace {

TEST(TextTest, CountsColumnsAndNotBytes) {
  EXPECT_EQ(display_width(""), 0U);
  EXPECT_EQ(display_width("mail"), 4U);
  EXPECT_EQ(display_width("größe"), 5U);
  EXPECT_EQ(display_width("郵便"), 4U);
  EXPECT_EQ(display_width("e\xcc\x81"), 1U);  // e and a combining acute
  EXPECT_EQ(display_width("📦"), 2U);
  EXPECT_EQ(display_width("\xff"), 1U);
}

TEST(TextTest, LetsNoControlCharacterThrough) {
  EXPECT_EQ(printable("a\nb\tc"), "a\\nb\\tc");
  EXPECT_EQ(printable("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");           // C1: one-character CSI
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");  // right-to-left override
  EXPECT_EQ(printable("größe 📦"), "größe 📦");
}

TEST(TextTest, EscapesBytesThatAreNoUtf8) {
  EXPECT_EQ(printable("a\xff"), "a\\xff");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // over-long
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");           // cut short
}

TEST(TextTest, CutsBetweenCharacters) {
  EXPECT_EQ(clipped("mail", 4), "mail");
  EXPECT_EQ(clipped("mails", 4), "mai…");
  EXPECT_EQ(clipped("郵便局", 4), "郵…");
}

TEST(TextTest, HidesPasswordsInUrls) {
  EXPECT_EQ(without_passwords("redis://u:secret@host/1"), "redis://***@host/1");
  EXPECT_EQ(without_passwords("see redis://:a@b@host and unix://:c@/x now"),
            "see redis://***@host and unix://***@/x now");
  EXPECT_EQ(without_passwords("redis://host:1/2 mail@example.org"),
            "redis://host:1/2 mail@example.org");
  EXPECT_EQ(without_passwords("expected redis://[user[:password]@]host[:port][/db]"),
            "expected redis://[user[:password]@]host[:port][/db]");
}

TEST(TextTest, DumpsBytesUpToTheLimit) {
  EXPECT_EQ(hex_dump("AB\n", 100),
            "00000000  41 42 0a                                         |AB.|\n");
  EXPECT_EQ(hex_dump("ABC", 1), "00000000  41                                               |A|\n");
  EXPECT_EQ(hex_dump("", 100), "");
}

TEST(TableTest, AlignsByColumns) {
  Table table({{"NAME"}, {"N", Align::right}, {"NOTE"}});
  table.add({"größe", "1,000", "x"});
  table.add({"b", "7"});
  EXPECT_EQ(table.render(false),
            "NAME       N  NOTE\n"
            "größe  1,000  x\n"
            "b          7\n");
}

TEST(TableTest, KeepsColoursOutOfTheWidths) {
  Table table({{"A"}, {"B"}});
  table.add({{"x", Style::red}, "y"});
  table.add({"long", "y"});
  EXPECT_EQ(table.render(false), "A     B\nx     y\nlong  y\n");
  EXPECT_EQ(table.render(true, false), "\x1b[31mx\x1b[0m     y\nlong  y\n");
}

TEST(TableTest, MakesTextFromElsewhereHarmless) {
  Table table({{"A", Align::left, 6}});
  table.add({"\x1b[2J"});
  table.add({"a\nlonger"});
  EXPECT_EQ(table.render(false), "A\n\\x1b[…\na\\nlo…\n");
}

TEST(PrintableLinesTest, KeepsNewlinesAndOurOwnStylesOnly) {
  struct Case {
    std::string text;
    std::string plain;   ///< without styles
    std::string styled;  ///< where they are shown
  };
  const std::vector<Case> cases{
      {"", "", ""},
      {"a\nb\n", "a\nb\n", "a\nb\n"},
      {"\n\n", "\n\n", "\n\n"},
      {"\x1b[1mhead\x1b[0m: x", "\\x1b[1mhead\\x1b[0m: x", "\x1b[1mhead\x1b[0m: x"},
      {"a\x1b[2Jb", "a\\x1b[2Jb", "a\\x1b[2Jb"},
      {"\x1b]0;title\x07", "\\x1b]0;title\\x07", "\\x1b]0;title\\x07"},
      {"\x1b", "\\x1b", "\\x1b"},
      {"\x1b\x1b[0m", "\\x1b\\x1b[0m", "\\x1b\x1b[0m"},
      {"\r\t\x9b", "\\x0d\\t\\x9b", "\\x0d\\t\\x9b"},
      {"caf\xc3\xa9 \xe2\x80\xae", "caf\xc3\xa9 \\xe2\\x80\\xae", "caf\xc3\xa9 \\xe2\\x80\\xae"}};
  for (const Case& one : cases) {
    EXPECT_EQ(printable_lines(one.text, false), one.plain);
    EXPECT_EQ(printable_lines(one.text, true), one.styled);
  }
}

TEST(HexTest, IsReadAsItIsWritten) {
  for (const std::string& bytes : {std::string(), std::string("mail"), std::string("\0\xff \n", 4),
                                   std::string(1000, '\x80')}) {
    EXPECT_EQ(bytes_of_hex(hex(bytes)), bytes);
  }
  EXPECT_EQ(bytes_of_hex("4D4d"), "MM");
  for (const char* text : {"4", "4g", "0x41", "-1", " 1", "+1", "41 42"}) {
    EXPECT_FALSE(bytes_of_hex(text)) << text;
  }
}

}  // namespace
}  // namespace ferry::cli
