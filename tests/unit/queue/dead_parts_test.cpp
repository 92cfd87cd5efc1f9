#include "queue/dead_parts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "unit/wire/samples.hpp"
#include "wire/bundle.hpp"

namespace ferry::detail {
namespace {

using ::testing::HasSubstr;
using wire::samples::noon_us;
using Fate = DeadPart::Fate;

constexpr wire::Death died{"envelope cannot be decoded: part 3: odd", 1'700'000'000'000, 2};

JobId id_of(int number) {
  JobId id = wire::samples::first_id();
  id.bytes[8] = static_cast<std::uint8_t>(number >> 8);
  id.bytes[9] = static_cast<std::uint8_t>(number);
  return id;
}

/// One job as `promote` finds it.
std::string sound(int number, const wire::Extras* extras = nullptr, std::size_t bytes = 10,
                  std::size_t compress_from = 0) {
  wire::EnvelopeWriter writer(id_of(number));
  writer.add("note", std::string(bytes, 'x'), noon_us, extras);
  return writer.finish(compress_from);
}

std::string letter_of(const std::vector<std::string>& parts, std::size_t jobs) {
  return wire::wrap_opaque(wire::samples::bundle(parts, jobs), jobs, id_of(0), died);
}

std::string unreadable() { return wire::samples::envelope_with(0, 1, "\x93\xc0\x91\xa4mail\x90"); }

std::vector<Fate> fates_of(const std::vector<DeadPart>& parts) {
  std::vector<Fate> fates;
  for (const DeadPart& part : parts) fates.push_back(part.fate);
  return fates;
}

struct Part {
  std::string name;
  std::string bytes;
  std::size_t jobs;
  Fate fate;
  std::string why;
  std::vector<std::string> kinds;
};

std::vector<Part> odd_parts() {
  const std::string oversized = wire::samples::envelope_with(
      0, 2, "\x93\xc0\x91\xa4huge" + std::string(wire::max_envelope_bytes, 'x'));
  return {{"unreadable", unreadable(), 1, Fate::stays, "no worker of this version", {"mail"}},
          {"newer flag", wire::samples::envelope_with(64, 1, "later"), 1, Fate::taken, "", {}},
          {"newer version", "\x95\x02" + sound(7).substr(2), 1, Fate::stays, "is newer", {}},
          {"no head", "garbage", 1, Fate::stays, "the head is not one", {}},
          {"empty", "", 1, Fate::stays, "the head is not one", {}},
          {"too large", oversized, 2, Fate::stays, "more than 16777216", {"huge"}},
          {"flags that exclude each other",
           wire::samples::envelope_with(12, 1, "x"),
           1,
           Fate::stays,
           "exclude each other",
           {}}};
}

TEST(DeadPartsTest, OnlyThePartThatCannotBeReadStays) {
  for (const Part& odd : odd_parts()) {
    for (const std::size_t place : {0U, 3U, 7U}) {
      SCOPED_TRACE(odd.name + " at " + std::to_string(place));
      std::vector<std::string> bundle;
      for (int i = 0; i < 7; ++i) bundle.push_back(sound(i));
      bundle.insert(bundle.begin() + static_cast<std::ptrdiff_t>(place), odd.bytes);
      const auto parts = parts_to_retry(letter_of(bundle, 7 + odd.jobs), {});
      ASSERT_EQ(parts.size(), 8U);
      std::size_t jobs = 0;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        jobs += parts[i].jobs;
        if (i == place) continue;
        EXPECT_EQ(parts[i].fate, Fate::taken);
        EXPECT_EQ(parts[i].envelope, bundle[i]);
        EXPECT_EQ(parts[i].kinds, std::vector<std::string>{"note"});
        wire::StoredEnvelope letter;
        ASSERT_EQ(wire::decode(parts[i].letter, letter), "");
        ASSERT_TRUE(letter.death);
        EXPECT_THAT(std::string(letter.death->reason), HasSubstr("in one bundle with others"));
        EXPECT_EQ(letter.death->died_at_ms, died.died_at_ms);
      }
      EXPECT_EQ(jobs, 7 + odd.jobs);
      EXPECT_EQ(parts[place].fate, odd.fate);
      EXPECT_THAT(parts[place].why, HasSubstr(odd.why));
      EXPECT_EQ(parts[place].kinds, odd.kinds);
      wire::StoredEnvelope letter;
      ASSERT_EQ(wire::decode(parts[place].letter, letter), "");
      EXPECT_EQ(letter.opaque, odd.bytes);
      EXPECT_EQ(letter.head.count, odd.jobs);
      EXPECT_EQ(letter.head.first_id, parts[place].first_id);
    }
  }
}

TEST(DeadPartsTest, CompressedPartsThatTogetherAreTooLargeAreReadOneByOne) {
  std::vector<std::string> bundle;
  for (int i = 0; i < 150; ++i) bundle.push_back(sound(i, nullptr, 512 * 1024, 1024));
  ASSERT_LT(bundle[0].size(), 1024U);
  wire::StoredEnvelope whole;
  const std::string stored = wire::samples::bundle(bundle, 150);
  ASSERT_NE(wire::decode(stored, whole), "");
  const auto parts = parts_to_retry(letter_of(bundle, 150), {});
  ASSERT_EQ(parts.size(), 150U);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(parts[i].fate, Fate::taken);
    EXPECT_EQ(parts[i].envelope, bundle[i]);
    EXPECT_LT(parts[i].letter.size(), 2048U) << "a letter of it is compressed too";
  }
}

TEST(DeadPartsTest, APartWithoutAHeadHasTheJobsThatNoOtherHas) {
  const auto parts = parts_to_retry(letter_of({sound(1), "garbage", sound(2)}, 7), {});
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[1].jobs, 5U);
  for (const std::size_t wrong : {2U, 1U}) {
    const auto whole = parts_to_retry(letter_of({sound(1), sound(2), sound(3)}, wrong), {});
    ASSERT_EQ(whole.size(), 1U) << "it cannot be taken apart: more parts than jobs";
    EXPECT_EQ(whole[0].fate, Fate::stays);
  }
  const auto fewer = parts_to_retry(letter_of({sound(1), sound(2)}, 5), {});
  ASSERT_EQ(fewer.size(), 1U);
  EXPECT_THAT(fewer[0].why, HasSubstr("its parts have 2 jobs, its head says 5"));
}

TEST(DeadPartsTest, APartGoesBackWithoutItsPast) {
  const wire::Extras tried{.attempts = 4, .max_attempts = 7, .batch_key = "k", .last_reason = "no"};
  const auto parts = parts_to_retry(letter_of({sound(1, &tried), unreadable()}, 2), {});
  ASSERT_EQ(parts.size(), 2U);
  wire::StoredEnvelope back;
  ASSERT_EQ(wire::decode(parts[0].envelope, back), "");
  EXPECT_EQ(back.jobs.at(0).id, id_of(1));
  ASSERT_NE(back.jobs[0].extras, nullptr);
  EXPECT_EQ(back.jobs[0].extras->attempts, 0);
  EXPECT_EQ(back.jobs[0].extras->last_reason, "");
  EXPECT_EQ(back.jobs[0].extras->max_attempts, 7);
  EXPECT_EQ(back.jobs[0].extras->batch_key, "k");
  wire::StoredEnvelope letter;
  ASSERT_EQ(wire::decode(parts[0].letter, letter), "");
  EXPECT_EQ(letter.jobs.at(0).extras->attempts, 4) << "the letter tells its past";
}

/// A letter of jobs of which every second one expired at noon.
std::string half_late(std::size_t jobs) {
  const wire::Extras late{.expires_at_ms = noon_us / 1000};
  wire::EnvelopeWriter writer(id_of(0));
  for (std::size_t i = 0; i < jobs; ++i) {
    writer.add(i % 3 == 0 ? "mail" : "note", "x", noon_us, i % 2 == 1 ? &late : nullptr);
  }
  return writer.finish(0, died);
}

TEST(DeadPartsTest, WhatWouldBeDroppedUnrunStays) {
  constexpr std::uint64_t noon_ms = noon_us / 1000;
  struct Case {
    std::size_t jobs;
    RevivalRules rules;
    std::vector<Fate> fates;
  };
  const std::vector<Case> cases{{1, {noon_ms, false, {}}, {Fate::taken}},
                                {2, {noon_ms, false, {}}, {Fate::taken, Fate::stays}},
                                {2, {noon_ms - 1, false, {}}, {Fate::taken}},
                                {2, {noon_ms, true, {}}, {Fate::taken}},
                                {1000, {noon_ms, false, {}}, {Fate::taken, Fate::stays}}};
  for (const Case& one : cases) {
    const auto parts = parts_to_retry(half_late(one.jobs), one.rules);
    EXPECT_EQ(fates_of(parts), one.fates) << one.jobs;
    std::size_t jobs = 0;
    std::set<JobId> ids;
    for (const DeadPart& part : parts) {
      jobs += part.jobs;
      EXPECT_EQ(part.letter.empty(), parts.size() == 1);
      if (part.fate == Fate::stays) {
        EXPECT_THAT(part.why, HasSubstr("expires_after"));
      }
      if (part.fate != Fate::taken) continue;
      wire::StoredEnvelope back;
      ASSERT_EQ(wire::decode(part.envelope, back), "");
      for (const auto& job : back.jobs) {
        const bool late = job.extras != nullptr && job.extras->expires_at_ms != 0;
        EXPECT_EQ(late, one.rules.now_ms < noon_ms && ids.size() % 2 == 1);
        ids.insert(job.id);
      }
    }
    EXPECT_EQ(jobs, one.jobs);
  }
  const wire::Extras late{.expires_at_ms = noon_ms};
  const auto in_bundle =
      parts_to_retry(letter_of({sound(1, &late), unreadable(), sound(2)}, 3), {noon_ms, false, {}});
  EXPECT_EQ(fates_of(in_bundle), (std::vector<Fate>{Fate::stays, Fate::stays, Fate::taken}));
}

TEST(DeadPartsTest, TheFilterTakesJobsAndLeavesOthersOfTheSameLetter) {
  const std::string letter = half_late(6);  // two of kind mail, four of kind note
  const std::string wrapped = wire::wrap_opaque(unreadable(), 1, id_of(1), died);
  struct Case {
    std::string letter;
    DeadFilter only;
    std::vector<Fate> fates;
  };
  const std::vector<Case> cases{{letter, {}, {Fate::taken}},
                                {letter, {"mail", ""}, {Fate::taken, Fate::passed}},
                                {letter, {"other", ""}, {Fate::passed}},
                                {letter, {"", "part 3: odd"}, {Fate::taken}},
                                {letter, {"", "Part"}, {Fate::passed}},
                                {letter, {"note", "odd"}, {Fate::taken, Fate::passed}},
                                {letter, {"note", "even"}, {Fate::passed}},
                                {wrapped, {"mail", ""}, {Fate::taken}},
                                {wrapped, {"note", ""}, {Fate::passed}},
                                {"garbage", {"mail", ""}, {Fate::passed}},
                                {"garbage", {"", "the head"}, {Fate::taken}}};
  for (const Case& one : cases) {
    EXPECT_EQ(fates_of(parts_to_drop(one.letter, one.only)), one.fates)
        << one.only.kind << " " << one.only.reason;
  }
  const auto parts = parts_to_drop(letter, {"mail", ""});
  EXPECT_EQ(parts[0].jobs, 2U);
  EXPECT_EQ(parts[1].jobs, 4U);
  EXPECT_EQ(fates_of(parts_to_retry(letter, {noon_us / 1000, false, {"note", ""}})),
            (std::vector<Fate>{Fate::taken, Fate::stays, Fate::passed}));
}

TEST(DeadPartsTest, ALetterKeepsAllButItsId) {
  for (const std::size_t jobs : {1U, 127U, 128U, 255U, 256U, 1000U}) {
    const std::string letter = half_late(jobs);
    const std::string renamed = with_first_id(letter, id_of(999));
    const auto head = wire::decode_head(renamed);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->first_id, id_of(999));
    EXPECT_EQ(head->count, jobs);
    EXPECT_EQ(with_first_id(renamed, id_of(0)), letter);
  }
  EXPECT_EQ(with_first_id("garbage", id_of(1)), "garbage");
}

TEST(BundleTest, TellsPartsOnlyOfWhatIsABundleToItsEnd) {
  const std::string bundle = wire::samples::bundle({sound(1), "garbage", ""}, 3);
  EXPECT_EQ(wire::parts_of_bundle(bundle),
            (std::vector<std::string_view>{sound(1), "garbage", ""}));
  for (std::size_t cut = 0; cut < bundle.size(); ++cut) {
    EXPECT_TRUE(wire::parts_of_bundle(std::string_view(bundle).substr(0, cut)).empty()) << cut;
  }
  EXPECT_TRUE(wire::parts_of_bundle(bundle + "x").empty());
  EXPECT_TRUE(wire::parts_of_bundle(sound(1)).empty());
  EXPECT_TRUE(wire::parts_of_bundle(wire::samples::bundle({sound(1), sound(2)}, 1)).empty());
}

}  // namespace
}  // namespace ferry::detail
