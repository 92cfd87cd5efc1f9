#include "stages/adopt.hpp"

#include <gtest/gtest.h>

#include <string>

#include "support/fake_reply.hpp"

namespace ferry::detail {
namespace {

TEST(AdopterTest, ReadsTheFieldsOfAnEntryByTheirNames) {
  struct Case {
    std::string entry;
    bool taken;
    std::string progress;
    bool suspect;
  };
  const Case cases[]{
      {R"(["5-1", ["e", "bytes"]])", true, "", false},
      {R"(["5-1", ["e", "bytes", "m", "x."]])", true, "x.", false},
      {R"(["5-1", ["e", "bytes", "m", "x2"]])", true, "x2", true},
      {R"(["5-1", ["e", "bytes", "later", "x2"]])", true, "", false},
      {R"(["5-1", ["e", "bytes", "later", "7", "m", "x."]])", true, "x.", false},
      {R"(["5-1", ["e", "bytes", "m"]])", true, "", false},
      {R"(["5-1", ["e", "bytes"], "further"])", true, "", false},
      {R"(["5-1", ["e"]])", false, "", false},
      {R"(["5-1", null])", false, "", false},
      {R"(["5", ["e", "bytes"]])", false, "", false},
      {R"([null, ["e", "bytes"]])", false, "", false},
      {R"([])", false, "", false},
  };
  for (const Case& each : cases) {
    const auto reply = test::fake_reply(each.entry);
    LeasedEnvelope envelope;
    const bool taken = Adopter::fill(envelope, reply->root(), reply, 0, Priority::normal, 1);
    EXPECT_EQ(taken, each.taken) << each.entry;
    EXPECT_EQ(envelope.progress, each.progress) << each.entry;
    EXPECT_EQ(envelope.suspect, each.suspect) << each.entry;
  }
}

}  // namespace
}  // namespace ferry::detail
