#include "compare/interrupts.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace ferry::compare {
namespace {

using namespace std::chrono_literals;

TEST(InterruptsTest, ThrowsTheSignalThatCame) {
  const Interrupts interrupts;
  ASSERT_EQ(std::raise(SIGINT), 0);
  try {
    interrupts.sleep(1ms);
    FAIL() << "a signal was waiting";
  } catch (const Interrupted& interrupted) {
    EXPECT_EQ(interrupted.signal, SIGINT);
  }
  EXPECT_NO_THROW(interrupts.sleep(1ms));
}

// `timeout` and a terminal signal the process and its group: the second one must not kill it before
// it has said that it was interrupted.
TEST(InterruptsTest, ASecondSignalOnTheWayOutChangesNothing) {
  EXPECT_EXIT(
      {
        try {
          const Interrupts interrupts;
          std::raise(SIGTERM);
          try {
            interrupts.sleep(1ms);
          } catch (...) {
            std::raise(SIGTERM);
            throw;
          }
        } catch (const Interrupted&) {
          std::exit(7);
        }
      },
      ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace ferry::compare
