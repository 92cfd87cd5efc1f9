#include "client/cargo.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace ferry::detail {
namespace {

constexpr std::uint64_t now_us = 1'700'000'000'000'000;
constexpr std::uint64_t now_ms = now_us / 1000;
constexpr std::int64_t any = INT64_MAX;

class CargoTest : public ::testing::Test {
 protected:
  JobId add(Cargo& cargo, const std::string& payload = "x", Cargo::Place place = {},
            std::uint64_t expires_at_ms = 0) {
    wire::Extras extras;
    extras.expires_at_ms = expires_at_ms;
    return cargo.add(place, "note", payload, now_us, expires_at_ms != 0 ? &extras : nullptr, ids);
  }

  static std::vector<JobId> ids_in(std::span<const Cargo::Part> parts) {
    std::vector<JobId> found;
    for (const Cargo::Part& part : parts) {
      wire::StoredEnvelope envelope;
      EXPECT_EQ(wire::decode(part.bytes, envelope), "");
      EXPECT_EQ(envelope.jobs.size(), part.jobs);
      EXPECT_EQ(envelope.head.count, part.jobs);
      for (const wire::StoredJob& job : envelope.jobs) found.push_back(job.id);
    }
    return found;
  }

  wire::JobIdSource ids;
};

TEST_F(CargoTest, PacksJobsOfOnePlaceIntoOneEnvelopeInOrder) {
  Cargo cargo({});
  std::vector<JobId> added;
  for (int i = 0; i < 10; ++i) added.push_back(add(cargo));
  cargo.seal();
  ASSERT_EQ(cargo.slice().size(), 1u);
  EXPECT_EQ(ids_in(cargo.slice()), added);
}

TEST_F(CargoTest, StartsANewEnvelopeAtTheBoundInJobs) {
  Cargo cargo({.max_jobs_per_envelope = 3});
  for (int i = 0; i < 7; ++i) add(cargo);
  cargo.seal();
  ASSERT_EQ(cargo.slice().size(), 3u);
  EXPECT_EQ(cargo.slice()[0].jobs, 3u);
  EXPECT_EQ(cargo.slice()[2].jobs, 1u);
}

TEST_F(CargoTest, FillsAnEnvelopeWithTheJobsThatSuitIt) {
  const auto sizes = std::make_shared<const EnvelopeSizes>("slow=2 medium=4");
  Cargo cargo({.sizes = sizes});
  const auto put = [&](std::string_view kind) {
    cargo.add({}, kind, "payload", 1'700'000'000'000'000, nullptr, ids);
  };
  for (int i = 0; i < 5; ++i) put("slow");
  put("medium");
  put("medium");
  put("slow");
  for (int i = 0; i < 300; ++i) put("fast");
  cargo.seal();
  std::vector<std::size_t> jobs;
  for (const Cargo::Part& part : cargo.slice()) jobs.push_back(part.jobs);
  // What nobody knows anything of goes along, up to the bound in jobs.
  EXPECT_EQ(jobs, (std::vector<std::size_t>{2, 2, 3, 256, 45}));
}

TEST_F(CargoTest, WritesIntoTheMemoryOfAnEarlierOne) {
  SpareMemory spare;
  const CargoLimits limits{.max_jobs_per_envelope = 10};
  Cargo earlier(limits, &spare);
  for (int i = 0; i < 10; ++i) add(earlier, std::string(1000, 'x'));
  earlier.seal();
  const char* memory = earlier.slice()[0].bytes.data();
  earlier.give_memory_to(spare);
  EXPECT_TRUE(earlier.slice().empty());

  Cargo later(limits, &spare);
  std::vector<JobId> added;
  for (int i = 0; i < 20; ++i) added.push_back(add(later, std::string(1000, 'y')));
  later.seal();
  ASSERT_EQ(later.slice().size(), 2u);
  EXPECT_EQ(later.slice()[1].bytes.data(), memory);
  EXPECT_EQ(ids_in(later.slice()), added);
}

TEST_F(CargoTest, LetsALargePayloadTravelAlone) {
  Cargo cargo({.max_bytes_per_envelope = 1024});
  add(cargo, "small");
  add(cargo, std::string(5000, 'x'));
  add(cargo, "small");
  cargo.seal();
  ASSERT_EQ(cargo.slice().size(), 3u);
  EXPECT_EQ(cargo.slice()[1].jobs, 1u);
}

TEST_F(CargoTest, KeepsPrioritiesAndDelaysApart) {
  Cargo cargo({});
  add(cargo, "a", {Priority::high, {}});
  add(cargo, "b", {Priority::low, {}});
  add(cargo, "c", {Priority::low, std::chrono::seconds{5}});
  add(cargo, "d", {Priority::high, {}});
  cargo.seal();
  ASSERT_EQ(cargo.slice().size(), 3u);
  EXPECT_EQ(cargo.slice()[0].jobs, 2u);
  EXPECT_EQ(cargo.slice()[2].place.run_after, std::chrono::seconds{5});
}

TEST_F(CargoTest, RefusesMoreThanOneCallMayCarry) {
  Cargo by_bytes({.max_bytes = 1000});
  EXPECT_TRUE(by_bytes.takes({}, "kind", 5000)) << "an empty cargo takes any job";
  add(by_bytes, std::string(900, 'x'));
  EXPECT_FALSE(by_bytes.takes({}, "kind", 200));

  Cargo by_envelopes({.max_jobs_per_envelope = 2, .max_envelopes = 2});
  for (int i = 0; i < 3; ++i) add(by_envelopes);
  EXPECT_TRUE(by_envelopes.takes({}, "kind", 1)) << "the second envelope has room";
  EXPECT_FALSE(by_envelopes.takes({Priority::high, {}}, "kind", 1));
  add(by_envelopes);
  EXPECT_FALSE(by_envelopes.takes({}, "kind", 1));

  Cargo by_jobs({.max_jobs = 1});
  add(by_jobs);
  EXPECT_FALSE(by_jobs.takes({}, "kind", 1));
}

TEST_F(CargoTest, TakesExpiredJobsOutAndKeepsTheIdsOfTheOthers) {
  Cargo cargo({});
  std::vector<JobId> lasting;
  std::vector<JobId> short_lived;
  for (int i = 0; i < 6; ++i) {
    if (i % 2 == 0) {
      lasting.push_back(add(cargo));
    } else {
      short_lived.push_back(add(cargo, "y", {}, now_ms + 10));
    }
  }
  EXPECT_EQ(cargo.earliest_expiry_ms(), now_ms + 10);
  EXPECT_TRUE(cargo.drop_expired(now_ms + 9).empty());
  EXPECT_EQ(ids_of(cargo.drop_expired(now_ms + 10)), short_lived);
  EXPECT_EQ(cargo.earliest_expiry_ms(), 0u);
  EXPECT_EQ(cargo.jobs(), 3u);
  lasting.push_back(add(cargo));
  cargo.seal();
  EXPECT_EQ(ids_in(cargo.slice()), lasting);
}

TEST_F(CargoTest, BecomesEmptyWhenAllHaveExpired) {
  Cargo cargo({});
  add(cargo, "y", {}, now_ms + 1);
  cargo.seal();
  EXPECT_EQ(cargo.drop_expired(now_ms + 1).size(), 1u);
  EXPECT_EQ(cargo.jobs(), 0u);
  EXPECT_TRUE(cargo.slice().empty());
}

TEST_F(CargoTest, RemembersTheNextExpiry) {
  Cargo cargo({});
  add(cargo, "y", {}, now_ms + 20);
  add(cargo, "y", {}, now_ms + 10);
  cargo.drop_expired(now_ms + 10);
  EXPECT_EQ(cargo.earliest_expiry_ms(), now_ms + 20);
}

TEST_F(CargoTest, SendsWholeEnvelopesWhileTheyFitTheRoomLeft) {
  Cargo cargo({.max_jobs_per_envelope = 2});
  std::vector<JobId> added;
  for (int i = 0; i < 6; ++i) added.push_back(add(cargo));
  cargo.seal();
  ASSERT_TRUE(cargo.shrink_slice(5, any));
  EXPECT_EQ(cargo.slice_jobs(), 4u);
  cargo.slice_stored();
  EXPECT_TRUE(cargo.partly_stored());
  EXPECT_EQ(cargo.jobs(), 2u);
  EXPECT_EQ(ids_in(cargo.slice()), (std::vector<JobId>{added[4], added[5]}));
  EXPECT_EQ(ids_of(cargo.jobs_left()), (std::vector<JobId>{added[4], added[5]}));
}

TEST_F(CargoTest, SplitsAnEnvelopeThatIsTooLargeForTheRoomLeft) {
  Cargo cargo({});
  std::vector<JobId> added;
  for (int i = 0; i < 10; ++i) added.push_back(add(cargo));
  cargo.seal();
  ASSERT_TRUE(cargo.shrink_slice(3, any));
  EXPECT_EQ(ids_in(cargo.slice()), std::vector<JobId>(added.begin(), added.begin() + 3));
  cargo.slice_stored();
  EXPECT_EQ(ids_in(cargo.slice()), std::vector<JobId>(added.begin() + 3, added.end()));
}

TEST_F(CargoTest, SplitsByBytesUntilOneJobIsLeft) {
  Cargo cargo({});
  for (int i = 0; i < 16; ++i) add(cargo, std::string(100, 'x'));
  cargo.seal();
  int times = 0;
  while (cargo.shrink_slice(any, 200)) {
    ++times;
    ASSERT_LT(times, 20);
  }
  EXPECT_GE(times, 1);
  EXPECT_EQ(cargo.slice_jobs(), 1u);
}

TEST_F(CargoTest, DoesNotShrinkWithoutRoomOrForAnotherReason) {
  Cargo cargo({});
  for (int i = 0; i < 4; ++i) add(cargo);
  cargo.seal();
  EXPECT_FALSE(cargo.shrink_slice(0, any));
  EXPECT_FALSE(cargo.shrink_slice(any, 0));
  EXPECT_FALSE(cargo.shrink_slice(any, any)) << "full by age";
  EXPECT_EQ(cargo.slice_jobs(), 4u);
}

TEST_F(CargoTest, KeepsWhatIsStoredOutOfWhatExpires) {
  Cargo cargo({.max_jobs_per_envelope = 1});
  add(cargo, "y", {}, now_ms + 10);
  const JobId late = add(cargo, "y", {}, now_ms + 10);
  cargo.seal();
  ASSERT_TRUE(cargo.shrink_slice(1, any));
  cargo.slice_stored();
  EXPECT_EQ(ids_of(cargo.drop_expired(now_ms + 10)), std::vector<JobId>{late});
  EXPECT_EQ(cargo.jobs(), 0u);
  EXPECT_TRUE(cargo.partly_stored());
}

TEST_F(CargoTest, TakesOutJobsThatAreTooLargeEvenAlone) {
  for (const std::size_t bound : {300u, 1000u, 5000u, 40'000u}) {
    Cargo cargo({});
    std::vector<JobId> small;
    std::vector<JobId> large;
    for (const std::size_t bytes : {bound / 4, bound / 2, bound, bound / 2, 3 * bound, bound / 4}) {
      const JobId id = add(cargo, std::string(bytes, 'x'));
      (bytes < bound ? small : large).push_back(id);
    }
    cargo.seal();
    EXPECT_EQ(ids_of(cargo.drop_larger_than(static_cast<std::int64_t>(bound))), large) << bound;
    EXPECT_EQ(ids_in(cargo.slice()), small) << bound;
    EXPECT_EQ(cargo.jobs(), small.size());
    EXPECT_TRUE(cargo.drop_larger_than(static_cast<std::int64_t>(bound)).empty());
  }
}

TEST_F(CargoTest, JudgesTheSizeOfAJobByWhatIsStoredOfIt) {
  Cargo cargo({.compress_from_bytes = 100});
  const JobId compresses = add(cargo, std::string(30'000, 'x'));
  cargo.seal();
  EXPECT_TRUE(cargo.drop_larger_than(1000).empty());
  EXPECT_EQ(ids_in(cargo.slice()), std::vector<JobId>{compresses});
  EXPECT_LT(cargo.slice_largest(), 1000u);
  EXPECT_GT(cargo.slice_largest(), 0u);
}

}  // namespace
}  // namespace ferry::detail
