#include <future>

#include "ferry/queue.hpp"
#include "functions/enqueue_transaction.hpp"
#include "support/functions_test.hpp"

namespace ferry::test {
namespace {

/// Large calls as the client makes them, and as nobody should make them.
class OpenFunctionTest : public FunctionsTest {
 protected:
  using Kind = EnqueueReply::Kind;

  EnqueueReply store(std::int64_t sequence, const std::vector<std::string>& envelopes,
                     const QueueLimits& limits = {}, Priority priority = Priority::normal) {
    std::vector<OutgoingEnvelope> outgoing;
    for (const std::string& bytes : envelopes) {
      outgoing.push_back({priority, std::chrono::milliseconds{0}, bytes, jobs_in(bytes)});
    }
    EnqueueTransaction transaction(keys, limits);
    transaction.append(*connection, "producer", sequence, outgoing);
    return EnqueueTransaction::read(*connection, envelopes.size());
  }

  std::string open(std::int64_t sequence, std::size_t jobs, std::size_t bytes) {
    return fcall("open", with_streams({keys.state, keys.producers, gate, keys.ready[1]}),
                 {"producer", std::to_string(sequence), "0", "0", "0", std::to_string(jobs),
                  std::to_string(bytes)});
  }

  const std::string gate = keys.gate_of("producer");

  bool gate_is_shut() { return command({"EXISTS", gate}) == "0"; }
};

TEST_F(OpenFunctionTest, StoresEnvelopesInOrderAndTellsTheDepth) {
  const std::string first = envelope(3);
  const std::string second = envelope(4);
  const EnqueueReply reply = store(1, {first, second});
  EXPECT_EQ(reply.kind, Kind::ok) << reply.text;
  EXPECT_EQ(reply.depth_jobs, 7);
  EXPECT_EQ(reply.depth_bytes, static_cast<std::int64_t>(first.size() + second.size()));
  register_worker("w");
  const auto fetched = fetch("w");
  ASSERT_EQ(fetched.size(), 2u);
  EXPECT_EQ(fetched[0].bytes, first);
  EXPECT_EQ(fetched[1].bytes, second);
  EXPECT_TRUE(gate_is_shut());
}

TEST_F(OpenFunctionTest, GoesToTheStreamOfItsPriority) {
  EXPECT_EQ(store(1, {envelope(2)}, {}, Priority::low).kind, Kind::ok);
  EXPECT_EQ(command({"XLEN", keys.ready[2]}), "1");
  EXPECT_EQ(command({"XLEN", keys.ready[1]}), "0");
}

TEST_F(OpenFunctionTest, StoresARepeatedSequenceOnce) {
  const std::string bytes = envelope(4);
  EXPECT_EQ(store(1, {bytes}).kind, Kind::ok);
  const EnqueueReply again = store(1, {bytes});
  EXPECT_EQ(again.kind, Kind::dup);
  EXPECT_EQ(again.depth_jobs, 4);
  EXPECT_EQ(command({"XLEN", keys.ready[1]}), "1");
  EXPECT_EQ(store(3, {bytes}).kind, Kind::gap);
  EXPECT_EQ(command({"XLEN", keys.ready[1]}), "1");
  EXPECT_TRUE(gate_is_shut());
}

TEST_F(OpenFunctionTest, SharesItsSequencesWithEnqueue) {
  EXPECT_EQ(store(1, {envelope()}).kind, Kind::ok);
  EXPECT_TRUE(enqueue_at(1, {{envelope()}}).starts_with("[DUP"));
  EXPECT_TRUE(enqueue_at(2, {{envelope()}}).starts_with("[OK"));
  EXPECT_EQ(store(2, {envelope()}).kind, Kind::dup);
  EXPECT_EQ(store(3, {envelope()}).kind, Kind::ok);
}

TEST_F(OpenFunctionTest, StoresNothingBeyondABound) {
  EXPECT_EQ(store(1, {envelope(3)}, {.max_jobs = 5}).kind, Kind::ok);
  const EnqueueReply full = store(2, {envelope(1), envelope(2)}, {.max_jobs = 5});
  EXPECT_EQ(full.kind, Kind::full);
  EXPECT_EQ(full.depth_jobs, 3);
  EXPECT_EQ(command({"XLEN", keys.ready[1]}), "1");
  EXPECT_EQ(store(2, {envelope(2)}, {.max_jobs = 5}).kind, Kind::ok);
}

TEST_F(OpenFunctionTest, StoresNothingWithoutItsFunction) {
  ASSERT_EQ(command({"FUNCTION", "DELETE", "ferry_v1"}), "OK");
  const EnqueueReply reply = store(1, {envelope(), envelope()});
  EXPECT_EQ(reply.kind, Kind::error);
  EXPECT_TRUE(reply.text.starts_with("ERR Function not found")) << reply.text;
  EXPECT_EQ(command({"EXISTS", keys.ready[1], gate}), "0");
  ensure_library(*connection);
}

TEST_F(OpenFunctionTest, SaysWhyRedisRefusedToQueueACommand) {
  command({"CONFIG", "SET", "maxmemory", "1"});
  const EnqueueReply reply = store(1, {envelope(), envelope()});
  command({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(reply.kind, Kind::error);
  EXPECT_TRUE(reply.text.starts_with("OOM")) << reply.text;
  EXPECT_EQ(command({"EXISTS", keys.ready[1], gate, keys.state}), "0");
}

TEST_F(OpenFunctionTest, WakesAWorkerThatWaits) {
  register_worker("w");
  redis::Connection waiting(options(), std::chrono::seconds{5});
  waiting.connect();
  auto fetched = std::async(std::launch::async, [&] {
    const auto reply = waiting.call({"XREADGROUP", "GROUP", group_name, "w", "COUNT", "9", "BLOCK",
                                     "5000", "STREAMS", keys.ready[1], ">"});
    return reply->root().is_nil() ? std::size_t{0} : reply->root()[0][1].size;
  });
  ASSERT_TRUE(eventually([&] {
    return command({"CLIENT", "LIST"}).find("cmd=xreadgroup") != std::string::npos;
  }));
  EXPECT_EQ(store(1, {envelope(), envelope()}).kind, Kind::ok);
  EXPECT_EQ(fetched.get(), 2u);
}

TEST_F(OpenFunctionTest, KeepsWhatIsLeasedAndWhatWaits) {
  const Leased held = lease_one("w", 2);
  enqueue({{envelope(3)}});
  EXPECT_EQ(store(3, {envelope(4)}).kind, Kind::ok);
  EXPECT_EQ(done("w", {held}), "[OK, 1]");
  const auto rest = fetch("w");
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_EQ(jobs_in(rest[0].bytes), 3u);
  EXPECT_EQ(jobs_in(rest[1].bytes), 4u);
}

// What a program does that calls the function without a transaction, and what is left for the next.
TEST_F(OpenFunctionTest, RefusesWhileAGateIsLeftOver) {
  const std::string bytes = envelope(2);
  EXPECT_TRUE(open(1, 2, bytes.size()).starts_with("[OK, 2"));
  const EnqueueReply next = store(2, {envelope()});
  EXPECT_EQ(next.kind, Kind::error);
  EXPECT_TRUE(next.text.starts_with("FERRYBAD")) << next.text;
  // It was its own transaction's XADD that went there: what belongs to the first call is missing.
  command({"DEL", gate});
  command({"XADD", keys.ready[1], "*", "e", bytes});
  EXPECT_EQ(store(2, {envelope()}).kind, Kind::ok);
}

// The function sees nothing of the stream: what is told is that not all was stored, and by the
// audit.
TEST_F(OpenFunctionTest, StoresNothingInAStreamThatTakesNoMoreAndTellsSo) {
  command({"XADD", keys.ready[1], "18446744073709551615-18446744073709551615", "e", "x"});
  EXPECT_EQ(store(1, {envelope(2)}).kind, Kind::unknown);
  EXPECT_EQ(command({"XLEN", keys.ready[1]}), "1");
  EXPECT_TRUE(gate_is_shut());
  const AuditReport report =
      Queue(options(), testing::UnitTest::GetInstance()->current_test_info()->name()).audit();
  EXPECT_EQ(report.violations.at(0), "the books say 2 jobs in the streams, found are 0");
  command({"DEL", keys.ready[1], keys.state});
}

TEST_F(OpenFunctionTest, TellsOfTheRightThatIsMissingAndMakesNoStream) {
  command({"ACL", "SETUSER", "default", "-renamenx"});
  const std::string reply = open(1, 1, 30);
  command({"ACL", "SETUSER", "default", "+renamenx"});
  EXPECT_TRUE(reply.starts_with("error ")) << reply;
  EXPECT_EQ(command({"EXISTS", keys.ready[1], gate}), "0");
}

TEST_F(OpenFunctionTest, RefusesNumbersThatAreNone) {
  for (const auto& [jobs, bytes] : {std::pair{"0", "1"}, {"x", "1"}, {"1", "-1"}}) {
    const std::string reply =
        fcall("open", with_streams({keys.state, keys.producers, gate, keys.ready[1]}),
              {"producer", "1", "0", "0", "0", jobs, bytes});
    EXPECT_NE(reply.find("FERRYBAD"), std::string::npos) << reply;
  }
  EXPECT_EQ(command({"EXISTS", keys.ready[1], gate, keys.state}), "0");
}

}  // namespace
}  // namespace ferry::test
