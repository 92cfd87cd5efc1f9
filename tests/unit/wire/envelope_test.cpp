#include "wire/envelope.hpp"

#include <gtest/gtest.h>

#include "ferry/error.hpp"
#include "samples.hpp"

namespace ferry::wire {
namespace {

using samples::all_extras;
using samples::first_id;
using samples::noon_us;
using samples::payload_of;

void expect_equal(const Extras& found, const Extras& wanted) {
  EXPECT_EQ(found.expires_at_ms, wanted.expires_at_ms);
  EXPECT_EQ(found.attempts, wanted.attempts);
  EXPECT_EQ(found.max_attempts, wanted.max_attempts);
  EXPECT_EQ(found.traceparent, wanted.traceparent);
  EXPECT_EQ(found.batch_key, wanted.batch_key);
  EXPECT_EQ(found.last_reason, wanted.last_reason);
  EXPECT_EQ(found.headers, wanted.headers);
}

class EnvelopeOfSizeTest : public testing::TestWithParam<std::tuple<std::size_t, std::size_t>> {};

TEST_P(EnvelopeOfSizeTest, ComesBackAsItWasWritten) {
  const auto [count, compress_from_bytes] = GetParam();
  const std::string bytes = samples::envelope(count, compress_from_bytes);
  StoredEnvelope out;
  ASSERT_EQ(decode(bytes, out), "");
  EXPECT_EQ(out.head.version, envelope_version);
  EXPECT_EQ(out.head.count, count);
  EXPECT_EQ(out.head.first_id, first_id());
  EXPECT_FALSE(out.death);
  ASSERT_EQ(out.jobs.size(), count);
  for (std::size_t i = 0; i < count; ++i) {
    const StoredJob& job = out.jobs[i];
    EXPECT_EQ(job.id, id_after(first_id(), i));
    EXPECT_EQ(job.kind, i % 5 == 4 ? "send_mail" : "index_file");
    EXPECT_EQ(job.payload, payload_of(i));
    EXPECT_EQ(job.enqueued_us, noon_us + 10 * i);
    ASSERT_EQ(job.extras != nullptr, i % 3 == 2);
    if (job.extras) expect_equal(*job.extras, all_extras());
  }
}

INSTANTIATE_TEST_SUITE_P(PlainAndCompressed, EnvelopeOfSizeTest,
                         testing::Combine(testing::Values(1, 2, 127, 128, 255, 256, 1000),
                                          testing::Values(0, 1)));

TEST(EnvelopeTest, CompressesOnlyFromTheGivenSizeAndOnlyWhenItPays) {
  EXPECT_EQ(decode_head(samples::envelope(100, 1))->flags, flag_zstd);
  EXPECT_LT(samples::envelope(100, 1).size(), samples::envelope(100).size() / 3);
  EXPECT_EQ(decode_head(samples::envelope(100, 1 << 20))->flags, 0);
  EXPECT_EQ(samples::envelope(1, 1), samples::envelope(1));
}

TEST(EnvelopeTest, KeepsPayloadsOfEverySizeClass) {
  for (const std::size_t bytes : {0, 1, 255, 256, 65535, 65536, 1 << 20}) {
    EnvelopeWriter writer(first_id());
    const std::string payload(bytes, '\xc1');
    writer.add("k", payload, noon_us);
    const std::string stored = writer.finish();
    StoredEnvelope out;
    ASSERT_EQ(decode(stored, out), "") << bytes;
    EXPECT_EQ(out.jobs.at(0).payload, payload);
  }
}

TEST(EnvelopeTest, AcceptsTheLargestPayloadAndNoLarger) {
  EnvelopeWriter writer(first_id());
  writer.add("k", std::string(max_payload_bytes, 'x'), noon_us);
  const std::string stored = writer.finish();
  StoredEnvelope out;
  EXPECT_EQ(decode(stored, out), "");
  EnvelopeWriter other(first_id());
  try {
    other.add("k", std::string(max_payload_bytes + 1, 'x'), noon_us);
    FAIL() << "a payload above the limit was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::oversized);
  }
}

TEST(EnvelopeTest, KeepsTheTimesOfJobsOlderThanTheFirst) {
  const std::vector<std::int64_t> offsets = {
      0, -1, -32, -33, -128, -129, -32768, -32769, -70000, -2147483648, -2147483649LL, 1LL << 40};
  EnvelopeWriter writer(first_id());
  for (const std::int64_t offset : offsets) {
    writer.add("k", "p", noon_us + static_cast<std::uint64_t>(offset));
  }
  const std::string stored = writer.finish();
  StoredEnvelope out;
  ASSERT_EQ(decode(stored, out), "");
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    EXPECT_EQ(out.jobs[i].enqueued_us, noon_us + static_cast<std::uint64_t>(offsets[i]));
  }
}

TEST(EnvelopeTest, MovedJobsKeepTheirIdsTimesAndExtras) {
  const std::string source_bytes = samples::envelope(9);
  StoredEnvelope source;
  ASSERT_EQ(decode(source_bytes, source), "");
  Extras again = all_extras();
  again.attempts = 3;
  EnvelopeWriter writer(source.jobs[8].id);
  writer.add_moved(source.jobs[8], &again);
  writer.add_moved(source.jobs[1], nullptr);
  const std::string moved_bytes = writer.finish();

  StoredEnvelope moved;
  ASSERT_EQ(decode(moved_bytes, moved), "");
  EXPECT_EQ(moved.head.flags, flag_own_ids);
  EXPECT_EQ(moved.head.first_id, source.jobs[8].id);
  ASSERT_EQ(moved.jobs.size(), 2u);
  EXPECT_EQ(moved.jobs[0].id, source.jobs[8].id);
  EXPECT_EQ(moved.jobs[0].enqueued_us, source.jobs[8].enqueued_us);
  EXPECT_EQ(moved.jobs[0].payload, payload_of(8));
  ASSERT_NE(moved.jobs[0].extras, nullptr);
  expect_equal(*moved.jobs[0].extras, again);
  EXPECT_EQ(moved.jobs[1].id, source.jobs[1].id);
  EXPECT_EQ(moved.jobs[1].enqueued_us, source.jobs[1].enqueued_us);
  EXPECT_EQ(moved.jobs[1].extras, nullptr);
}

TEST(EnvelopeTest, ExtrasThatSayNothingTakeNoBytes) {
  const Extras nothing;
  EnvelopeWriter with(first_id());
  with.add("k", "p", noon_us, &nothing);
  EnvelopeWriter without(first_id());
  without.add("k", "p", noon_us);
  EXPECT_EQ(with.finish(), without.finish());
}

TEST(EnvelopeTest, CutsLongReasonsBetweenCharacters) {
  std::string reason(max_reason_bytes - 1, 'x');
  reason += "ü and more";
  EnvelopeWriter writer(first_id());
  const Extras extras{.last_reason = reason};
  writer.add("k", "p", noon_us, &extras);
  const std::string stored = writer.finish(0, Death{reason, 1, 0});
  StoredEnvelope out;
  ASSERT_EQ(decode(stored, out), "");
  EXPECT_EQ(out.jobs.at(0).extras->last_reason, std::string(max_reason_bytes - 1, 'x'));
  EXPECT_EQ(out.death->reason, std::string(max_reason_bytes - 1, 'x'));
}

TEST(EnvelopeTest, ADeadLetterCarriesItsDeath) {
  EnvelopeWriter writer(first_id());
  writer.add("k", "p", noon_us);
  const std::string stored = writer.finish(0, Death{"declined", 1'793'000'000'123, 2});
  StoredEnvelope out;
  ASSERT_EQ(decode(stored, out), "");
  ASSERT_TRUE(out.death);
  EXPECT_EQ(out.death->reason, "declined");
  EXPECT_EQ(out.death->died_at_ms, 1'793'000'000'123u);
  EXPECT_EQ(out.death->deliveries, 2);
  EXPECT_EQ(out.jobs.size(), 1u);
}

TEST(EnvelopeTest, OpaqueBytesComeBackUntouchedWhateverTheirSize) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{50}, max_envelope_bytes + 1}) {
    const std::string broken(bytes, '\xc1');
    const std::string stored = wrap_opaque(broken, 300, first_id(), Death{"no msgpack", 5, 1});
    StoredEnvelope out;
    ASSERT_EQ(decode(stored, out), "") << bytes;
    EXPECT_EQ(out.head.count, 300u);
    EXPECT_EQ(out.head.first_id, first_id());
    EXPECT_EQ(out.opaque, broken);
    EXPECT_TRUE(out.jobs.empty());
    EXPECT_EQ(out.death->reason, "no msgpack");
  }
}

TEST(EnvelopeTest, ABundleIsTheJobsOfItsPartsInOrder) {
  const std::vector<std::string> parts = {samples::envelope(3), samples::envelope(500, 1),
                                          samples::envelope(1)};
  const std::string stored = samples::bundle(parts, 504);
  StoredEnvelope out;
  ASSERT_EQ(decode(stored, out), "");
  EXPECT_EQ(out.head.flags, flag_bundle);
  ASSERT_EQ(out.jobs.size(), 504u);
  EXPECT_EQ(out.jobs[2].payload, payload_of(2));
  EXPECT_EQ(out.jobs[3].payload, payload_of(0));
  EXPECT_EQ(out.jobs[502].payload, payload_of(499));
  EXPECT_EQ(out.jobs[503].id, first_id());
}

TEST(EnvelopeTest, ADecodedEnvelopeCanBeDecodedIntoAgain) {
  StoredEnvelope out;
  const std::string dead = wrap_opaque("x", 2, first_id(), Death{"r", 1, 1});
  const std::string compressed = samples::envelope(90, 1);
  const std::string plain = samples::envelope(2);
  ASSERT_EQ(decode(dead, out), "");
  ASSERT_EQ(decode(compressed, out), "");
  ASSERT_EQ(decode(plain, out), "");
  EXPECT_EQ(out.jobs.size(), 2u);
  EXPECT_FALSE(out.death);
  EXPECT_TRUE(out.opaque.empty());
  EXPECT_TRUE(out.inflated.empty());
  EXPECT_FALSE(out.extras);
}

TEST(EnvelopeTest, TheHeadIsWhereTheFunctionsLookForIt) {
  for (const std::size_t count : {1, 127, 128, 255, 256, 1000}) {
    const std::string bytes = samples::envelope(count);
    const std::size_t id_at = count < 128 ? 6 : count < 256 ? 7 : 8;
    EXPECT_EQ(bytes.substr(0, 3), std::string("\x95\x01\x00", 3));
    EXPECT_EQ(bytes.substr(id_at - 2, 2), "\xc4\x10");
    EXPECT_EQ(bytes.substr(id_at, 2), "\x01\xa1");
    EXPECT_EQ(decode_head(bytes)->count, count);
  }
}

TEST(EnvelopeTest, AHundredKindsFitIntoOneEnvelope) {
  EnvelopeWriter writer(first_id());
  for (int i = 0; i < 300; ++i) writer.add("kind." + std::to_string(i % 100), "p", noon_us);
  const std::string stored = writer.finish();
  StoredEnvelope out;
  ASSERT_EQ(decode(stored, out), "");
  for (std::size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(out.jobs[i].kind, "kind." + std::to_string(i % 100));
  }
}

}  // namespace
}  // namespace ferry::wire
