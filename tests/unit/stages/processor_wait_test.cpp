#include "stages/processor_wait.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

void stay_on(int processor) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(processor, &only);
  sched_setaffinity(0, sizeof only, &only);
}

TEST(ProcessorWaitTest, GrowsWhileAnotherThreadHasTheProcessor) {
  if (!std::filesystem::exists("/proc/thread-self/schedstat")) GTEST_SKIP() << "not counted here";
  const int processor = sched_getcpu();
  std::atomic<bool> stop{false};
  std::jthread other([&] {
    stay_on(processor);
    while (!stop) {
    }
  });
  std::jthread waiting([&] {
    stay_on(processor);
    const auto before = waited_for_processor();
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (waited_for_processor() < before + 1ms && std::chrono::steady_clock::now() < deadline) {
    }
    EXPECT_GE(waited_for_processor(), before + 1ms);
    stop = true;
  });
}

}  // namespace
}  // namespace ferry::detail
