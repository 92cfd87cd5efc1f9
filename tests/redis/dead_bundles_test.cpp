// Dead letters that wrap a whole bundle, as workers of earlier versions left them: a retry takes
// them apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "ferry/queue.hpp"
#include "support/queue_fixture.hpp"
#include "unit/wire/samples.hpp"

namespace ferry {
namespace {

using test::Taken;
using ::testing::HasSubstr;

constexpr wire::Death died{"envelope cannot be decoded: part 3: odd", 1'700'000'000'000, 1};

JobId id_of(int number) {
  JobId id = wire::samples::first_id();
  for (int i = 0; i < 3; ++i) id.bytes[13 + i] = static_cast<std::uint8_t>(number >> (16 - 8 * i));
  return id;
}

std::string name_of(const JobId& id) {
  std::string name = "1:" + id.to_string();
  std::erase(name, '-');
  return name;
}

std::string sound(int number, std::size_t bytes = 10, std::size_t compress_from = 0) {
  wire::EnvelopeWriter writer(id_of(number));
  const wire::Extras tried{.attempts = number % 2, .last_reason = {}};
  writer.add("note", std::string(bytes, 'x'), wire::samples::noon_us + number, &tried);
  return writer.finish(compress_from);
}

/// An envelope that nobody can read, or only a newer version.
std::string odd(std::uint8_t flags, std::string_view body, int number) {
  std::string bytes = wire::samples::envelope_with(flags, 1, body);
  const JobId id = id_of(number);
  bytes.replace(bytes.find(std::string(16, '\x07')), 16,
                reinterpret_cast<const char*>(id.bytes.data()), 16);
  return bytes;
}

class DeadBundlesTest : public test::QueueTest {
 protected:
  /// Stores a dead letter of a bundle by hand, counted. Returns: the id that it is found under.
  JobId bury_bundle(const std::vector<std::string>& parts, int number,
                    const std::string& died_at = "1700000000000") {
    const JobId id = id_of(number);
    const std::string jobs = std::to_string(parts.size());
    const std::string letter =
        wire::wrap_opaque(wire::samples::bundle(parts, parts.size()), parts.size(), id, died);
    admin->call({"HSET", keys.parked, name_of(id), letter});
    admin->call({"ZADD", keys.dead, died_at, name_of(id)});
    admin->call({"HINCRBY", keys.state, "dead", jobs});
    admin->call({"HINCRBY", keys.state, "accepted", jobs});
    return id;
  }

  OnDeadLeft telling() {
    return [this](const DeadLeft& letter) { left.push_back(letter); };
  }

  /// 400 parts that can be read, from `number` on, and one that cannot.
  static std::vector<std::string> with(const std::string& bad, int number, std::size_t place = 17,
                                       std::size_t bytes = 10, std::size_t compress_from = 0) {
    std::vector<std::string> parts;
    for (int i = 0; i < 400; ++i) parts.push_back(sound(number + i, bytes, compress_from));
    parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(place), bad);
    return parts;
  }

  std::vector<DeadLeft> left;
};

struct BadPart {
  std::string name;
  std::string bytes;
  std::string why;  ///< empty = it goes back as it is, for a newer worker
  std::vector<std::string> kinds;
};

std::vector<BadPart> bad_parts() {
  const std::string table = "\x93\xc0\x91\xa4mail\x90";
  return {{"unreadable", odd(0, table, 900), "no worker of this version can read it", {"mail"}},
          {"newer", odd(64, table, 900), "", {}},
          {"without a head", "garbage", "the head is not one", {}},
          {"huge",
           odd(0, table + std::string(wire::max_envelope_bytes, 'x'), 900),
           "more than 16777216",
           {"mail"}}};
}

TEST_F(DeadBundlesTest, ARetryKeepsOnlyThePartThatCannotBeRead) {
  for (const BadPart& bad : bad_parts()) {
    for (const bool all : {false, true}) {
      for (const std::size_t place : {0U, 17U, 400U}) {
        SCOPED_TRACE(bad.name + (all ? ", all, at " : ", by id, at ") + std::to_string(place));
        admin->call({"FLUSHDB"});
        queue->counts();
        left.clear();
        const JobId id = bury_bundle(with(bad.bytes, 1000, place), 1000);
        const std::int64_t moved =
            all ? queue->retry_all_dead({}, telling()) : queue->retry_dead({&id, 1}, telling());
        const std::size_t stay = bad.why.empty() ? 0 : 1;
        EXPECT_EQ(moved, static_cast<std::int64_t>(401 - stay));
        ASSERT_EQ(left.size(), stay);
        EXPECT_EQ(queue->counts().dead, static_cast<std::int64_t>(stay));
        EXPECT_EQ(queue->counts().envelopes, 401 - static_cast<std::int64_t>(stay));
        const AuditReport audit = queue->audit();
        EXPECT_TRUE(audit.balanced()) << audit.violations.front();
        if (stay == 0) continue;
        EXPECT_THAT(left[0].why, HasSubstr(bad.why));
        EXPECT_EQ(left[0].jobs, 1);
        EXPECT_EQ(left[0].kinds, bad.kinds);
        const auto letter = queue->dead(left[0].id);
        ASSERT_TRUE(letter) << "it is found under the id that was told";
        EXPECT_EQ(letter->kinds, bad.kinds);
        EXPECT_THAT(letter->reason, HasSubstr("envelope cannot be decoded: "));
        EXPECT_EQ(queue->dead_payload(left[0].id), bad.bytes);
        EXPECT_EQ(admin->call({"ZSCORE", keys.dead, name_of(left[0].id)})->root().text,
                  "1700000000000");
      }
    }
  }
}

TEST_F(DeadBundlesTest, EachSoundPartIsAnEnvelopeThatAWorkerCanRun) {
  bury_bundle(with("garbage", 1000), 1000);
  EXPECT_EQ(queue->retry_all_dead(), 400);
  let_in("w");
  std::set<JobId> run;
  for (int i = 0; i < 400; ++i) {
    const Taken taken = take("w");
    ASSERT_EQ(taken.envelope.jobs.size(), 1U);
    const wire::StoredJob& job = taken.envelope.jobs[0];
    EXPECT_EQ(job.kind, "note");
    EXPECT_TRUE(job.extras == nullptr || job.extras->attempts == 0);
    run.insert(job.id);
  }
  EXPECT_EQ(run.size(), 400U);
  EXPECT_EQ(*run.begin(), id_of(1000));
  EXPECT_EQ(*run.rbegin(), id_of(1399));
}

TEST_F(DeadBundlesTest, CompressedPartsAreTooLargeOnlyTogether) {
  bury_bundle(with("garbage", 1000, 17, 512 * 1024, 1024), 1000);
  EXPECT_EQ(queue->retry_all_dead({}, telling()), 400);
  EXPECT_EQ(left.size(), 1U);
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(DeadBundlesTest, AWalkOverManyReachesEachOnceAndEndsAsItBegan) {
  constexpr int bundles = 25;
  constexpr int each = 10;
  bury(60);
  for (int i = 0; i < bundles; ++i) {
    std::vector<std::string> parts;
    for (int j = 0; j < each; ++j) parts.push_back(sound(1000 + each * i + j));
    parts.insert(parts.begin() + i % each, odd(0, "\xc1", 5000 + i));
    bury_bundle(parts, 1000 + each * i, i % 2 == 0 ? "1700000000000" : "1");
  }
  bury(60);
  std::vector<std::int64_t> sums;
  EXPECT_EQ(queue->retry_all_dead([&](std::int64_t sum) { sums.push_back(sum); }, telling()),
            120 + bundles * each);
  std::map<JobId, int> told;
  for (const DeadLeft& letter : left) ++told[letter.id];
  EXPECT_EQ(told.size(), static_cast<std::size_t>(bundles));
  for (const auto& [id, times] : told) EXPECT_EQ(times, 1) << id.to_string();
  EXPECT_EQ(queue->counts().dead, bundles);
  EXPECT_EQ(sums.back(), 120 + bundles * each);
  const auto waiting = all_pages(JobState::waiting, 100);
  EXPECT_EQ(waiting.size(), 120U + bundles * each);
  ids_of(waiting);
  EXPECT_TRUE(queue->audit().balanced());
  left.clear();
  EXPECT_EQ(queue->retry_all_dead({}, telling()), 0) << "what stays stays";
  EXPECT_EQ(left.size(), static_cast<std::size_t>(bundles));
}

TEST_F(DeadBundlesTest, AnIdThatIsTakenKeepsNoPart) {
  // The same envelope twice, one that is delayed as well, two without an id.
  const std::vector<std::string> parts{sound(1), sound(2), sound(2), sound(3), "a", "b"};
  bury_bundle(parts, 1);
  admin->call({"HSET", keys.parked, name_of(id_of(3)), sound(3)});
  admin->call({"ZADD", keys.due, "9999999999999", name_of(id_of(3))});
  EXPECT_EQ(queue->retry_all_dead({}, telling()), 4);
  ASSERT_EQ(left.size(), 2U);
  EXPECT_NE(left[0].id, left[1].id);
  EXPECT_EQ(admin->call({"HGET", keys.parked, name_of(id_of(3))})->root().text, sound(3))
      << "the delayed one is untouched";
  EXPECT_EQ(queue->counts().dead, 2);
  EXPECT_EQ(queue->counts().waiting, 4);
  EXPECT_EQ(queue->drop_all_dead(), 2);
  EXPECT_EQ(admin->call({"HLEN", keys.parked})->root().integer, 1);
}

TEST_F(DeadBundlesTest, WhatCannotBeTakenApartStaysWholeAndOthersGoOn) {
  bury(1);
  const JobId id = bury_bundle({sound(1), sound(2)}, 1);
  const std::string wrong =
      wire::wrap_opaque(wire::samples::bundle({sound(1), sound(2)}, 5), 5, id, died);
  admin->call({"HSET", keys.parked, name_of(id), wrong});
  bury(1);
  EXPECT_EQ(queue->retry_all_dead({}, telling()), 2);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].id, id);
  EXPECT_EQ(left[0].jobs, 5);
  EXPECT_THAT(left[0].why, HasSubstr("its parts have 2 jobs, its head says 5"));
  EXPECT_EQ(queue->dead_payload(id), wire::samples::bundle({sound(1), sound(2)}, 5));
}

}  // namespace
}  // namespace ferry
