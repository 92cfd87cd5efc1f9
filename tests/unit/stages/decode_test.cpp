#include "stages/decode.hpp"

#include <gmock/gmock.h>

#include <string>

#include "unit/wire/samples.hpp"

namespace ferry::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t redis_ms = 1'000'500;

TEST(DecodeTest, TellsFromItsIdHowLongAnEntryHasWaited) {
  EXPECT_EQ(queued_for({1'000'000, 0}, redis_ms), 500ms);
  EXPECT_EQ(queued_for({1'000'499, 123456}, redis_ms), 1ms);
  EXPECT_EQ(queued_for({0, 1}, redis_ms), 1'000'500ms);
  EXPECT_EQ(queued_for({0, 1}, redis_ms + 3'600'000'000), 24h) << "more does not matter";
}

TEST(DecodeTest, WhatRedisStampedLaterThanOurClockSaysIsNew) {
  EXPECT_EQ(queued_for({1'000'501, 0}, redis_ms), 0ms);
  EXPECT_EQ(queued_for({~std::uint64_t{0}, 0}, redis_ms), 0ms);
}

using namespace wire::samples;
using testing::ElementsAre;
using testing::IsEmpty;

class DecodeBundleTest : public testing::Test {
 protected:
  void decode(const std::string& bytes, std::string progress = {}) {
    envelope_.set_bytes(bytes);
    envelope_.progress = std::move(progress);
    const KindIndex kinds{{"index_file", 0}, {"send_mail", 1}};
    decode_envelope(envelope_, kinds, 3, patience_, unknown_, {}, {}, 0, out_);
  }
  std::size_t arrived() const {
    std::size_t jobs = 0;
    for (const Arrival& arrival : out_.arrivals) jobs += arrival.jobs;
    return jobs;
  }

  LeasedEnvelope envelope_;
  Patience patience_;
  UnknownKinds unknown_{UnknownKind::waits};
  Decoded out_;
};

TEST_F(DecodeBundleTest, TheGuiltyPartAloneIsBuried) {
  decode(bundle({wire::samples::envelope(3), "rubbish", wire::samples::envelope(2)}, 6));
  EXPECT_EQ(arrived(), 5u);
  EXPECT_THAT(out_.report.burials, IsEmpty());
  ASSERT_EQ(out_.report.leavings.size(), 1u);
  const Leaving& guilty = out_.report.leavings.front();
  EXPECT_EQ(guilty.to, Leaving::To::dead_letters);
  EXPECT_THAT(guilty.jobs, ElementsAre(3));
  wire::StoredEnvelope letter;
  ASSERT_EQ(wire::decode(guilty.envelope_bytes, letter), "");
  EXPECT_EQ(letter.opaque, "rubbish");
  EXPECT_EQ(envelope_.open, 6u);
  EXPECT_EQ(envelope_.unreported, 6u);
}

TEST_F(DecodeBundleTest, ANewerPartGoesBackAsItIs) {
  const std::string newer = envelope_with(32, 4, "?");
  decode(bundle({newer, wire::samples::envelope(2)}, 6));
  EXPECT_EQ(arrived(), 2u);
  ASSERT_EQ(out_.report.leavings.size(), 1u);
  EXPECT_EQ(out_.report.leavings.front().to, Leaving::To::queue);
  EXPECT_EQ(out_.report.leavings.front().envelope_bytes, newer);
  EXPECT_THAT(out_.report.leavings.front().jobs, ElementsAre(0, 1, 2, 3));
}

TEST_F(DecodeBundleTest, JobsOfAKindWithoutAHandlerLeaveTogetherByKind) {
  const KindIndex kinds{{"index_file", 0}};
  wire::EnvelopeWriter writer(first_id());
  for (const char* kind : {"index_file", "send_mail", "index_file", "send_mail", "resize"}) {
    writer.add(kind, "payload", noon_us, nullptr);
  }
  const std::string bytes = writer.finish(0);
  envelope_.set_bytes(bytes);
  decode_envelope(envelope_, kinds, 3, patience_, unknown_, {}, {}, 0, out_);
  ASSERT_EQ(out_.report.leavings.size(), 2u);
  EXPECT_EQ(out_.report.leavings[0].holder, "~kind:send_mail");
  EXPECT_THAT(out_.report.leavings[0].jobs, ElementsAre(1, 3));
  EXPECT_EQ(out_.report.leavings[1].holder, "~kind:resize");
  EXPECT_EQ(arrived(), 2u);
  EXPECT_EQ(envelope_.open, 5u);
}

TEST_F(DecodeBundleTest, WhatHasLeftTheBundleBeforeDoesNotLeaveAgain) {
  decode(bundle({"rubbish", "rubbish", wire::samples::envelope(2)}, 4), "x.x.");
  EXPECT_EQ(arrived(), 1u);
  ASSERT_EQ(out_.report.leavings.size(), 1u);
  EXPECT_THAT(out_.report.leavings.front().jobs, ElementsAre(1));
}

}  // namespace
}  // namespace ferry::detail
