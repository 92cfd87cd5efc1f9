// Bundles are made by Ferry itself: a part that cannot be decoded must not take the others with it.
#include <gmock/gmock.h>

#include "unit/wire/samples.hpp"
#include "wire/envelope.hpp"

namespace ferry::wire {
namespace {

using samples::bundle;
using samples::envelope;
using samples::envelope_with;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The places of the jobs that can be run.
std::vector<std::size_t> sound_jobs(const StoredEnvelope& out) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < out.jobs.size(); ++i) {
    if (!out.jobs[i].kind.empty()) places.push_back(i);
  }
  return places;
}

/// A part of one job that inflates to so many bytes.
std::string inflates_to(std::size_t bytes) {
  EnvelopeWriter writer(samples::first_id());
  for (std::size_t left = bytes; left > 0;) {
    const std::size_t some = std::min(left, max_payload_bytes);
    writer.add("kind", std::string(some, 'x'), samples::noon_us);
    left -= some;
  }
  return writer.finish(1);
}

struct Case {
  const char* what;
  std::string part;
  std::size_t jobs;
  bool newer;
  std::string why;
};

class BadPartTest : public testing::TestWithParam<Case> {};

TEST_P(BadPartTest, ItsNeighboursAreDecoded) {
  const Case& bad = GetParam();
  const std::string stored = bundle({envelope(2), bad.part, envelope(3, 1)}, 5 + bad.jobs);
  StoredEnvelope out;
  ASSERT_EQ(decode(stored, out, BadParts::list), "");
  ASSERT_EQ(out.jobs.size(), 5 + bad.jobs);
  EXPECT_EQ(sound_jobs(out).size(), 5u);
  EXPECT_EQ(out.jobs[2 + bad.jobs].payload, samples::payload_of(0)) << "places stay what they are";
  ASSERT_EQ(out.bad_parts.size(), 1u);
  EXPECT_EQ(out.bad_parts[0].first, 2u);
  EXPECT_EQ(out.bad_parts[0].jobs, bad.jobs);
  EXPECT_EQ(out.bad_parts[0].bytes, bad.part);
  EXPECT_EQ(out.bad_parts[0].newer, bad.newer);
  EXPECT_FALSE(out.bad_parts[0].lacks_room);
  EXPECT_THAT(out.bad_parts[0].why, HasSubstr(bad.why));
  EXPECT_FALSE(out.newer) << "the bundle itself is of today";
  EXPECT_NE(decode(stored, out), "") << "who does not ask for a list is refused";
}

std::string long_batch_key() {
  const std::string key(max_batch_key_bytes + 1, 'k');
  EnvelopeWriter writer(samples::first_id());
  const Extras extras{.batch_key = key};
  writer.add("kind", "payload", samples::noon_us, &extras);
  return writer.finish();
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, BadPartTest,
    testing::Values(Case{"unreadable", long_batch_key(), 1, false, "batch key has 129 bytes"},
                    Case{"newer flag", envelope_with(32, 7, "?"), 7, true, "flags 32"},
                    Case{"newer version", std::string("\x95\x02") + "rest", 1, true, "version 2"},
                    Case{"no head", "nothing of the kind", 1, false, "the head"},
                    Case{"no bytes", "", 1, false, "the head"},
                    Case{"a dead letter", wrap_opaque("x", 3, samples::first_id(), {}), 3, false,
                         "not allowed inside a bundle"},
                    Case{"a bundle", bundle({envelope(2)}, 2), 2, false, "not allowed inside"},
                    Case{"a broken frame", envelope_with(flag_zstd, 4, "no frame"), 4, false,
                         "zstd frame"}),
    [](const testing::TestParamInfo<Case>& one) {
      std::string name = one.param.what;
      std::ranges::replace(name, ' ', '_');
      return name;
    });

TEST(BadPartsTest, EveryPartMayBeBad) {
  StoredEnvelope out;
  ASSERT_EQ(decode(bundle({"a", "b", envelope_with(64, 2, "")}, 4), out, BadParts::list), "");
  EXPECT_THAT(sound_jobs(out), IsEmpty());
  EXPECT_EQ(out.bad_parts.size(), 3u);
}

TEST(BadPartsTest, APartThatLiesAboutItsJobsMakesTheBundleOne) {
  StoredEnvelope out;
  const std::string liar = envelope_with(64, 1000, "");
  EXPECT_NE(decode(bundle({envelope(2), liar}, 4), out, BadParts::list), "");
}

TEST(BadPartsTest, WhatWouldInflateTooMuchBesideOthersIsAskedToComeAlone) {
  const std::string half = inflates_to(40 << 20);
  StoredEnvelope out;
  ASSERT_EQ(decode(bundle({half, half, envelope(2)}, 12), out, BadParts::list), "");
  ASSERT_EQ(out.bad_parts.size(), 1u);
  EXPECT_EQ(out.bad_parts[0].first, 5u);
  EXPECT_EQ(out.bad_parts[0].jobs, 5u);
  EXPECT_TRUE(out.bad_parts[0].lacks_room);
  EXPECT_EQ(sound_jobs(out).size(), 7u) << "the small one behind it has room";
}

TEST(BadPartsTest, WhatInflatesTooMuchAloneIsItsOwnFault) {
  StoredEnvelope out;
  ASSERT_EQ(decode(bundle({inflates_to(80 << 20), envelope(2)}, 12), out, BadParts::list), "");
  ASSERT_EQ(out.bad_parts.size(), 1u);
  EXPECT_FALSE(out.bad_parts[0].lacks_room);
  EXPECT_TRUE(out.inflated.empty());
}

}  // namespace
}  // namespace ferry::wire
