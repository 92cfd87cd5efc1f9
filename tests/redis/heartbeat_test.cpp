// Renews leases over a link that becomes slow, and only those that are due.

#include "upkeep/heartbeat.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "functions/library.hpp"
#include "support/proxy.hpp"
#include "support/redis_test.hpp"
#include "support/wait.hpp"

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

class HeartbeatTest : public test::RedisTest {
 protected:
  static constexpr std::size_t queues = 3;

  void SetUp() override {
    RedisTest::SetUp();
    if (HasFatalFailure() || IsSkipped()) return;
    connection_.emplace(options());
    connection_->connect();
    ensure_library(*connection_);
    leases_.register_missing(*connection_, health_);
  }

  static std::vector<std::string> names() { return {"a", "b", "c"}; }
  static std::vector<Keys> keys() {
    std::vector<Keys> keys;
    for (const std::string& name : names()) keys.emplace_back("ferry", name);
    return keys;
  }

  Log log_{LogOptions{}, "worker"};
  Leases leases_{"worker", keys()};
  QueueHealth health_{log_, names()};
  std::optional<redis::Connection> connection_;
};

TEST_F(HeartbeatTest, RenewsTheQueuesThatAreDueAndNoOther) {
  const std::vector<std::vector<bool>> cases{
      {false, false, false}, {true, false, false}, {false, true, true}, {true, true, true}};
  for (const auto& due : cases) {
    const auto controls = leases_.beat(*connection_, 3000ms, true, health_, due);
    ASSERT_EQ(controls.size(), queues);
    for (std::size_t i = 0; i < queues; ++i) EXPECT_EQ(controls[i].answered, due[i]) << i;
  }
}

TEST_F(HeartbeatTest, RenewsWhatIsLeasedUnderAnOlderNameInEachTurn) {
  leases_.lost(0, leases_.current_epoch());
  leases_.register_missing(*connection_, health_);
  const auto controls =
      leases_.beat(*connection_, 3000ms, true, health_, std::vector<bool>(queues, false));
  EXPECT_FALSE(controls[0].answered) << "the older name is lost there";
  EXPECT_TRUE(controls[1].answered);
  EXPECT_TRUE(controls[2].answered);
}

// Slower than a third of the lease, and slower than a heartbeat waits for an answer at all.
TEST_F(HeartbeatTest, SaysWhenTheRoundTripHasGrown) {
  struct Case {
    milliseconds lease;
    milliseconds each_way;
    const char* said;
  };
  for (const Case& one : {Case{200ms, 40ms, "a heartbeat takes too long for this lease"},
                          Case{200ms, 300ms, "leases cannot be renewed"},
                          Case{3000ms, 500ms, "leases cannot be renewed"}}) {
    test::Proxy proxy(server().socket_path());
    std::atomic<int> told{0};
    testing::internal::CaptureStderr();
    Heartbeat heartbeat(
        {.url = proxy.url()}, one.lease, leases_, health_, log_, [] { return false; },
        [] { return std::vector<bool>(queues, true); },
        [&](const std::vector<Control>&) { ++told; });
    heartbeat.start();
    EXPECT_TRUE(test::eventually([&] { return told > 0; }));
    const int before = told;
    const int attempts = proxy.attempts();
    proxy.delay(one.each_way);
    // One that is under way may have been answered at the old speed.
    EXPECT_TRUE(
        test::eventually([&] { return told > before + 2 || proxy.attempts() > attempts + 1; }));
    heartbeat.stop();
    EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr(one.said));
  }
}

}  // namespace
}  // namespace ferry::detail
