#include "cli/parts/line_reader.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "cli/parts/redis_url.hpp"
#include "ferry/error.hpp"

namespace ferry::cli {
namespace {

using Result = LineReader::Result;

/// A pipe with text in it, at most what a pipe holds.
class Pipe {
 public:
  explicit Pipe(const std::string& text) {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    EXPECT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(ends_[1]);
  }
  ~Pipe() { ::close(ends_[0]); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reading_end() const { return ends_[0]; }

 private:
  std::array<int, 2> ends_{};
};

TEST(LineReaderTest, ReadsLinesWithAnyEnding) {
  const Pipe pipe("one\ntwo\r\n\nlast");
  LineReader reader(pipe.reading_end(), 100);
  std::vector<std::string> lines;
  std::string line;
  while (reader.next(line) == Result::line) lines.push_back(line);
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "", "last"}));
  EXPECT_EQ(reader.line_number(), 4U);
  EXPECT_EQ(reader.bytes_read(), 14U);
  EXPECT_EQ(reader.next(line), Result::end);
}

TEST(LineReaderTest, PassesOverALineThatIsTooLong) {
  const Pipe pipe("1234\n12345\nabc\n");
  LineReader reader(pipe.reading_end(), 4);
  std::string line;
  EXPECT_EQ(reader.next(line), Result::line);
  EXPECT_EQ(reader.next(line), Result::too_long);
  EXPECT_EQ(reader.next(line), Result::line);
  EXPECT_EQ(line, "abc");
  EXPECT_EQ(reader.next(line), Result::end);
}

TEST(LineReaderTest, StopsWhenAskedTo) {
  const Pipe pipe("one\n");
  LineReader reader(pipe.reading_end(), 4, [] { return false; });
  std::string line;
  EXPECT_EQ(reader.next(line), Result::stopped);
}

TEST(LineReaderTest, ThrowsWhenTheFileCannotBeRead) {
  LineReader reader(-1, 4);
  std::string line;
  EXPECT_THROW(reader.next(line), Error);
}

TEST(RedisUrlTest, PutsAPasswordIntoAnyUrl) {
  EXPECT_EQ(with_password("redis://host", "a/b@c"), "redis://:a%2Fb%40c@host:6379");
  EXPECT_EQ(with_password("redis://user:old@host:1/2", "new"), "redis://user:new@host:1/2");
  EXPECT_EQ(with_password("unix:///run/r.sock?db=3", "p"), "unix://:p@/run/r.sock?db=3");
  EXPECT_EQ(with_password("redis://[::1]:7", "p"), "redis://:p@[::1]:7");
  EXPECT_EQ(without_password("redis://user:old@host:1/2"), "redis://user@host:1/2");
  EXPECT_EQ(without_password("redis://:old@host:1"), "redis://host:1");
}

TEST(RedisUrlTest, ShowsNoPassword) {
  EXPECT_TRUE(has_password("redis://:secret@host"));
  EXPECT_FALSE(has_password("redis://user@host"));
  EXPECT_EQ(shown_url("redis://u:secret@host").find("secret"), std::string::npos);
}

}  // namespace
}  // namespace ferry::cli
