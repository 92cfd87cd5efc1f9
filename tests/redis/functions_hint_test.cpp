// How large an envelope suits a kind: told by a worker, replied to producers.

#include <string>
#include <vector>

#include "support/functions_test.hpp"

namespace ferry::test {
namespace {

class HintFunctionTest : public FunctionsTest {
 protected:
  std::string hint(const std::string& worker, const std::string& hints) {
    return fcall("hint", {keys.state, keys.workers}, {worker, hints});
  }
};

TEST_F(HintFunctionTest, ComesBehindTheNumbersOfEachReply) {
  register_worker("w");
  EXPECT_TRUE(enqueue_at(1, {{envelope()}}).ends_with(", 0]")) << "nothing to say";
  EXPECT_EQ(hint("w", "send_mail=2 index.file=20"), "[OK]");
  EXPECT_TRUE(enqueue_at(2, {{envelope()}}).ends_with(", send_mail=2 index.file=20]"));
  const std::string again = enqueue_at(2, {{envelope()}});
  EXPECT_TRUE(again.starts_with("[DUP, ") && again.ends_with(", send_mail=2 index.file=20]"))
      << again;
  const std::string full = enqueue_at(3, {{envelope()}}, {.jobs = 1});
  EXPECT_TRUE(full.starts_with("[FULL, ") && full.ends_with(", send_mail=2 index.file=20]"))
      << full;
  EXPECT_EQ(hint("w", ""), "[OK]");
  EXPECT_EQ(enqueue_at(4, {{envelope()}}).find("send_mail"), std::string::npos);
}

TEST_F(HintFunctionTest, IsRefusedWhereItIsNone) {
  register_worker("w");
  EXPECT_EQ(hint("w", "a=1"), "[OK]");
  std::string many;
  for (int i = 0; i < 65; ++i) many += " k" + std::to_string(i) + "=1";
  for (const std::string& wrong :
       {std::string("a"), std::string("a="), std::string("=1"), std::string("a=0"),
        std::string("a=1001"), std::string("a=-1"), std::string("a=1.5"), std::string("a=1 a=2"),
        std::string("a b=1"), std::string("a/b=1"), std::string(65, 'k') + "=1", many}) {
    EXPECT_TRUE(hint("w", wrong).starts_with("error FERRYBAD")) << wrong;
  }
  EXPECT_TRUE(fcall("hint", {keys.state, keys.workers}, {"w"}).starts_with("error FERRYBAD"));
  EXPECT_EQ(command({"HGET", keys.state, "hints"}), "a=1") << "nothing was changed";
  EXPECT_EQ(hint("w", many.substr(0, many.rfind(' '))), "[OK]") << "64 kinds";
  EXPECT_EQ(hint("w", std::string(64, 'k') + "=1000"), "[OK]");
}

TEST_F(HintFunctionTest, IsForWorkersThatLive) {
  EXPECT_EQ(hint("nobody", "a=1"), "[STALE]");
  EXPECT_EQ(command({"HEXISTS", keys.state, "hints"}), "0");
}

}  // namespace
}  // namespace ferry::test
