#include "load/trace.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "scratch_folder.hpp"
#include "support/error_from.hpp"

namespace ferry::load {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class TraceTest : public ::testing::Test {
 protected:
  std::filesystem::path file_with(const std::string& text) const {
    const auto file = scratch_.path() / "trace";
    std::ofstream(file) << text;
    return file;
  }
  const ScratchFolder scratch_;
};

TEST_F(TraceTest, ReadsNumbersAndObjectsAndBeginsWithTheFirst) {
  const auto file =
      file_with("1716200000.5\n\n{\"at\": 1716200000.75, \"user\": 7}\r\n1716200002\n");
  EXPECT_EQ(all_of(replay(file)), (Schedule{0ms, 250ms, 1500ms}));
}

TEST_F(TraceTest, NamesTheLineThatIsWrong) {
  for (const auto& [text, why] :
       {std::pair{"1\n0.5\n", "before that of the line above"},
        std::pair{"1\nnoon\n", "'noon' is neither a number"},
        std::pair{"1\n{\"time\": 2}\n", "is neither a number"},
        std::pair{"1\n-2\n", "is neither a number"}, std::pair{"1\nnan\n", "is neither a number"},
        std::pair{"1\n1e300\n", "is neither a number"}}) {
    const Arrivals arrivals = replay(file_with(text));
    EXPECT_EQ(arrivals(), 0ns);
    const auto error = test::error_from([&] { arrivals(); });
    EXPECT_THAT(std::string(error.what()), HasSubstr("line 2: "));
    EXPECT_THAT(std::string(error.what()), HasSubstr(why));
  }
}

TEST_F(TraceTest, RefusesAFileThatIsNotThere) {
  EXPECT_THROW(replay(scratch_.path() / "nothing"), Error);
}

}  // namespace
}  // namespace ferry::load
