// Jobs whose payloads are sealed, as the envelope sees them: a flag and a key's id.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "samples.hpp"
#include "wire/envelope.hpp"

namespace ferry::wire {
namespace {

using testing::HasSubstr;

Extras sealed_extras(std::string_view key_id = "k1") {
  Extras extras = samples::all_extras();
  extras.key_id = key_id;
  return extras;
}

std::string sealed_envelope(const Extras& extras, const std::optional<Death>& death = {}) {
  EnvelopeWriter writer(samples::first_id());
  writer.add_moved({samples::first_id(), "send_mail", "noise", samples::noon_us}, &extras);
  return writer.finish(0, death);
}

std::string problem_of(std::string_view bytes) {
  StoredEnvelope out;
  return decode(bytes, out);
}

TEST(SealedEnvelopeTest, KeepsTheKeysIdAndSetsTheFlag) {
  for (const bool dead : {false, true}) {
    const auto death = dead ? std::optional(Death{"declined", 1, 1}) : std::nullopt;
    const std::string bytes = sealed_envelope(sealed_extras(), death);
    StoredEnvelope out;
    ASSERT_EQ(decode(bytes, out), "");
    EXPECT_EQ(out.head.flags, flag_own_ids | flag_sealed);
    ASSERT_NE(out.jobs.at(0).extras, nullptr);
    EXPECT_EQ(out.jobs[0].extras->key_id, "k1");
    EXPECT_EQ(out.jobs[0].extras->headers, samples::all_extras().headers);
  }
}

TEST(SealedEnvelopeTest, OnePlainJobMoreChangesNothingForTheSealedOne) {
  const Extras extras = sealed_extras();
  EnvelopeWriter writer(samples::first_id());
  writer.add("send_mail", "plain", samples::noon_us);
  writer.add("send_mail", "noise", samples::noon_us, &extras);
  const std::string bytes = writer.finish();
  StoredEnvelope out;
  ASSERT_EQ(decode(bytes, out), "");
  EXPECT_EQ(out.head.flags, flag_sealed);
  EXPECT_EQ(out.jobs.at(0).extras, nullptr);
  EXPECT_EQ(out.jobs.at(1).extras->key_id, "k1");
}

TEST(SealedEnvelopeTest, AKeyIdWithoutTheFlagIsRefused) {
  std::string bytes = sealed_envelope(sealed_extras());
  bytes[2] = flag_own_ids;
  EXPECT_THAT(problem_of(bytes), HasSubstr("has a key id, though sealed is not set"));
}

TEST(SealedEnvelopeTest, OnlyTheIdsOfKeysAreTaken) {
  EXPECT_THAT(problem_of(sealed_envelope(sealed_extras(std::string(33, 'k')))),
              HasSubstr("key id has 33 bytes"));
  EXPECT_THAT(problem_of(sealed_envelope(sealed_extras("k 1"))), HasSubstr("key id is not"));
  EXPECT_EQ(problem_of(sealed_envelope(sealed_extras(std::string(32, 'k')))), "");
}

TEST(SealedEnvelopeTest, ABundlesPartsAreSealedNotTheBundle) {
  const std::string part = sealed_envelope(sealed_extras());
  EXPECT_EQ(problem_of(samples::bundle({part, samples::envelope(1)}, 2)), "");
  EXPECT_THAT(problem_of(samples::bundle({part}, 1, flag_bundle | flag_sealed)),
              HasSubstr("exclude each other"));
  EXPECT_THAT(problem_of(samples::envelope_with(flag_opaque | flag_sealed, 1, "x")),
              HasSubstr("exclude each other"));
}

// What this program takes for a later version's flag, an older one takes this flag for.
TEST(SealedEnvelopeTest, AReaderThatDoesNotKnowAFlagSaysSoAlsoOfABundlesPart) {
  std::string part = sealed_envelope(sealed_extras());
  part[2] = 32 | flag_own_ids;
  for (const std::string& bytes :
       {part, samples::bundle({part}, 1), samples::bundle({samples::envelope(1), part}, 2)}) {
    StoredEnvelope out;
    EXPECT_THAT(decode(bytes, out), HasSubstr("not known here"));
    EXPECT_TRUE(out.newer);
  }
}

}  // namespace
}  // namespace ferry::wire
