// What a job costs in allocations and in copies of its payload, in the steady state.
//
// The parts are counted one by one without threads, and the whole with all of its threads. The
// budgets are in tests/budgets.json.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "batching/batcher.hpp"
#include "bench/counting_new.hpp"
#include "ferry/client.hpp"
#include "stages/decode.hpp"
#include "stages/run.hpp"
#include "support/counting_budgets.hpp"
#include "support/counting_worker.hpp"
#include "support/redis_test.hpp"

namespace ferry::test {

/// A parcel that nobody opens: what a drain costs before the handler's own decode.
struct ClosedParcel {
  static constexpr std::string_view kind = Parcel::kind;
  int nothing = 0;
  MSGPACK_DEFINE_MAP(nothing)
};

}  // namespace ferry::test

template <>
bool ferry::detail::decode(RawItem&, ferry::test::ClosedParcel&, msgpack::zone&) {
  return true;
}

namespace ferry::test {
namespace {

using bench::copies_are_counted;
using bench::Effort;
using bench::effort;
using bench::Uncounted;

constexpr std::size_t jobs_in_envelope = 256;

std::string envelope_of_parcels() {
  detail::PackedJobs packed;
  packed.add(Parcel{});
  wire::EnvelopeWriter writer(JobId{});
  for (std::size_t i = 0; i < jobs_in_envelope; ++i) {
    writer.add(Parcel::kind, packed[0], 1'700'000'000'000'000 + i);
  }
  return writer.finish();
}

bool lies_in(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

double for_each_job(std::uint64_t count, std::size_t jobs) {
  return static_cast<double>(count) / static_cast<double>(jobs);
}

// Plain calls of the operators: a compiler may leave out what a new-expression asks for.
TEST(AllocationsTest, AreCountedInAllThreadsThatDoNotAskToBeLeftOut) {
  constexpr std::align_val_t wide{64};
  const Effort before = effort();
  std::jthread([] { ::operator delete(::operator new(10)); }).join();
  const Effort with_thread = effort() - before;
  ::operator delete(::operator new(10));
  ::operator delete[](::operator new[](10));
  ::operator delete(::operator new(10, wide), wide);
  ::operator delete(::operator new(10, std::nothrow));
  {
    const Uncounted looking;
    ::operator delete(::operator new(10));
  }
  EXPECT_GE(with_thread.allocations, 2U) << "one is the thread's own";
  EXPECT_EQ((effort() - before).allocations, with_thread.allocations + 4);
}

TEST(AllocationsTest, CopiesOfPayloadsAreCountedAndSmallOnesAreNot) {
  if (!copies_are_counted) GTEST_SKIP() << "the sanitizers have a memcpy of their own";
  const std::string payload(100, 'x');
  const std::string number(8, '1');
  std::string to;
  to.reserve(1000);
  const Effort before = effort();
  to.append(payload).append(number);
  EXPECT_EQ((effort() - before).copied_bytes, payload.size());
}

TEST(AllocationsTest, DecodingAnEnvelopeAllocatesForTheEnvelopeAndNotForItsJobs) {
  const Budgets budgets;
  const std::string bytes = envelope_of_parcels();
  const Effort before = effort();
  auto envelope = std::make_shared<detail::LeasedEnvelope>();
  ASSERT_EQ(wire::decode(bytes, envelope->stored), "");
  const Effort spent = effort() - before;
  budgets.check("decode.allocations_per_envelope", static_cast<double>(spent.allocations));
  EXPECT_EQ(spent.copied_bytes, 0U);
  for (const wire::StoredJob& job : envelope->stored.jobs) ASSERT_TRUE(lies_in(job.payload, bytes));
}

TEST(AllocationsTest, TheDecodeStageAddsOnlyItsLists) {
  const Budgets budgets;
  const std::string bytes = envelope_of_parcels();
  detail::LeasedEnvelope envelope;
  envelope.bytes = bytes;
  const detail::KindIndex kinds{{Parcel::kind, 0}};
  detail::Decoded decoded;
  detail::Patience patience;
  detail::UnknownKinds unknown{UnknownKind::waits};
  const Effort before = effort();
  detail::decode_envelope(envelope, kinds, 3, patience, unknown, {}, {}, 0, decoded);
  const Effort spent = effort() - before;
  ASSERT_EQ(decoded.arrivals.size(), 1U);
  ASSERT_EQ(decoded.arrivals[0].jobs, jobs_in_envelope);
  budgets.check("decode_stage.allocations_per_envelope", static_cast<double>(spent.allocations));
}

TEST(AllocationsTest, ABatchOfJobsLeavesWithOneAllocation) {
  const Budgets budgets;
  detail::Batcher batcher({{realtime(jobs_in_envelope), 1, false}}, 1);
  const auto turn = [&] {
    for (std::uint32_t i = 0; i < jobs_in_envelope; ++i) {
      batcher.arrive({0, {}, {0, i}, Parcel::payload_bytes, 1, detail::Suspect::no, {}});
    }
    const auto departure = batcher.next({});
    ASSERT_TRUE(departure);
    ASSERT_EQ(departure->jobs.size(), jobs_in_envelope);
    batcher.runner_free(0, detail::Suspect::no);
  };
  turn();
  const Effort before = effort();
  turn();
  budgets.check("batcher.allocations_per_batch",
                static_cast<double>((effort() - before).allocations));
}

TEST(AllocationsTest, PreparingARunCopiesNoPayload) {
  const Budgets budgets;
  const std::string bytes = envelope_of_parcels();
  detail::LeasedEnvelope envelope;
  ASSERT_EQ(wire::decode(bytes, envelope.stored), "");
  const std::vector<std::string> queues{"default"};
  detail::Run run;
  for (std::uint32_t i = 0; i < jobs_in_envelope; ++i) run.places.push_back({&envelope, i});
  const Effort before = effort();
  detail::prepare(run, queues);
  const Effort spent = effort() - before;
  budgets.check("prepare.allocations_per_batch", static_cast<double>(spent.allocations));
  EXPECT_EQ(spent.copied_bytes, 0U);
  for (const detail::RawItem& item : run.batch.items) ASSERT_TRUE(lies_in(item.payload, bytes));
}

TEST(AllocationsTest, UnpackingAPayloadCopiesNothingOfIt) {
  const Budgets budgets;
  detail::PackedJobs packed;
  packed.add(Parcel{});
  msgpack::zone zone;
  const Effort before = effort();
  const auto unpacked = detail::unpack_payload(packed[0], zone);
  const Effort spent = effort() - before;
  EXPECT_EQ(unpacked.type, msgpack::type::MAP);
  budgets.check("unpack.allocations_per_job", static_cast<double>(spent.allocations));
  EXPECT_EQ(spent.copied_bytes, 0U);
}

class JobAllocationsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    redis = start_redis();
    if (!redis) return;
    reach.url = redis->url();
    client.emplace(ClientOptions{.redis = reach});
  }

  void enqueue(const std::vector<Parcel>& parcels) {
    for (const auto& result : client->enqueue_all(parcels)) ASSERT_TRUE(result);
  }

  void check_copies(const char* figure, const Effort& spent, std::size_t jobs) const {
    if (!copies_are_counted) return;
    const double payload = static_cast<double>(jobs * Parcel::payload_bytes);
    budgets.check(figure, static_cast<double>(spent.copied_bytes) / payload);
  }

  /// Runs a worker from its start until everything is settled; its start is counted as well.
  template <typename Job>
  Effort drain(std::size_t envelopes) {
    const std::vector<Parcel> parcels(jobs_in_envelope);
    for (std::size_t i = 0; i < envelopes; ++i) enqueue(parcels);
    return run<Job>(envelopes * jobs_in_envelope);
  }

  template <typename Job>
  Effort run(std::size_t jobs) {
    Handlers handlers;
    handlers.on_batch<Job>(realtime(1000), [](Batch<Job>&) {});
    const Effort before = effort();
    {
      const Uncounted looking;
      BareWorker worker(reach, std::move(handlers), 1000);
      EXPECT_TRUE(worker.wait_until_done(jobs));
    }
    return effort() - before;
  }

  std::unique_ptr<PrivateRedis> redis;
  RedisOptions reach;
  std::optional<Client> client;
  Budgets budgets;
};

TEST_F(JobAllocationsTest, EnqueueAllocatesForCallsAndNotForJobs) {
  if (!redis) return;
  constexpr std::size_t times = 20;
  const std::vector<Parcel> parcels(3 * jobs_in_envelope);
  for (int i = 0; i < 3; ++i) enqueue(parcels);  // buffers grow to their size
  const Effort before = effort();
  for (std::size_t i = 0; i < times; ++i) enqueue(parcels);
  const Effort spent = effort() - before;
  const std::size_t jobs = times * parcels.size();
  budgets.check("enqueue_256.allocations_per_job", for_each_job(spent.allocations, jobs));
  check_copies("enqueue_256.copies_of_a_payload", spent, jobs);
}

TEST_F(JobAllocationsTest, ALoneEnqueueStaysWithinItsBudget) {
  if (!redis) return;
  constexpr std::size_t times = 200;
  const Parcel parcel;
  for (int i = 0; i < 10; ++i) client->enqueue(parcel);
  const Effort before = effort();
  for (std::size_t i = 0; i < times; ++i) client->enqueue(parcel);
  const Effort spent = effort() - before;
  budgets.check("enqueue_one.allocations_per_job", for_each_job(spent.allocations, times));
}

TEST_F(JobAllocationsTest, DrainAllocatesForEnvelopesAndNotForJobs) {
  if (!redis) return;
  constexpr std::size_t envelopes = 400;
  const Effort spent = drain<ClosedParcel>(envelopes);
  const std::size_t jobs = envelopes * jobs_in_envelope;
  budgets.check("drain_256.allocations_per_job", for_each_job(spent.allocations, jobs));
  check_copies("drain_256.copies_of_a_payload", spent, jobs);
}

// Envelopes that have ended are filled again: beyond the first ones, small envelopes allocate
// little.
TEST_F(JobAllocationsTest, SmallEnvelopesAreUsedAgain) {
  if (!redis) return;
  constexpr std::size_t envelopes = 100'000;
  client.emplace(ClientOptions{.redis = reach, .max_jobs_per_envelope = 1});
  for (int i = 0; i < 10; ++i) enqueue(std::vector<Parcel>(envelopes / 10));
  const Effort spent = run<ClosedParcel>(envelopes);
  budgets.check("drain_1.allocations_per_job", for_each_job(spent.allocations, envelopes));
}

TEST_F(JobAllocationsTest, AHandlerThatDecodesPaysForWhatItsJobOwns) {
  if (!redis) return;
  constexpr std::size_t envelopes = 100;
  const Effort spent = drain<Parcel>(envelopes);
  const std::size_t jobs = envelopes * jobs_in_envelope;
  budgets.check("drain_256.allocations_per_decoded_job", for_each_job(spent.allocations, jobs));
}

}  // namespace
}  // namespace ferry::test
