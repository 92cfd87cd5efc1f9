#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <zstd.h>

#include <random>

#include "samples.hpp"
#include "wire/envelope.hpp"
#include "wire/msgpack_append.hpp"

namespace ferry::wire {
namespace {

using samples::big_endian_32;
using samples::envelope_with;
using samples::noon_us;
using testing::HasSubstr;

std::string problem_of(std::string_view bytes) {
  StoredEnvelope out;
  return decode(bytes, out);
}

/// A body of one job of kind "k", with one field of the caller's choice.
struct Body {
  std::string base = "\xcf" + std::string("\x00\x06\x5e\xb8\x5b\x0c\x00\x00", 8);
  std::string kinds = "\x91\xa1k";
  std::string job_list = "\x91";
  std::string job = "\x93";
  std::string kind_index{"\x00", 1};
  std::string time{"\x00", 1};
  std::string payload{"\xc4\x01p"};
  std::string extras{};
  std::string rest{};

  std::string bytes() const {
    return "\x93" + base + kinds + job_list + (extras.empty() ? job : "\x94") + kind_index + time +
           payload + extras + rest;
  }
  std::string problem(std::uint8_t flags = 0, std::size_t count = 1) const {
    return problem_of(envelope_with(flags, count, bytes()));
  }
};

std::string zstd_frame(std::string_view bytes) {
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), 1));
  return frame;
}

/// A frame that does not say how large its content is.
std::string zstd_frame_of_unknown_size(std::string_view bytes) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  frame.resize(ZSTD_compress2(context, frame.data(), frame.size(), bytes.data(), bytes.size()));
  ZSTD_freeCCtx(context);
  return frame;
}

long peak_memory_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

std::vector<std::string> valid_envelopes() {
  const StoredJob job{samples::first_id(), "k", "p", noon_us, nullptr};
  const Extras extras = samples::all_extras();
  EnvelopeWriter moved(samples::first_id());
  moved.add_moved(job, &extras);
  return {samples::envelope(5), samples::envelope(60, 1), moved.finish(0, Death{"declined", 99, 1}),
          samples::bundle({samples::envelope(3), samples::envelope(40, 1)}, 43),
          wrap_opaque("broken", 7, samples::first_id(), Death{"cut off", 99, 1})};
}

TEST(HostileEnvelopeTest, TheSampleBodyIsSoundSoEveryChangeBelowIsWhatBreaksIt) {
  EXPECT_EQ(Body{}.problem(), "");
}

TEST(HostileEnvelopeTest, ATruncatedEnvelopeIsNeverDecoded) {
  for (const std::string& bytes : valid_envelopes()) {
    ASSERT_EQ(problem_of(bytes), "");
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // A copy of exactly this size, so that a sanitizer sees a read behind it.
      const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<long>(size));
      EXPECT_NE(problem_of({cut.data(), cut.size()}), "") << size << " of " << bytes.size();
    }
  }
}

TEST(HostileEnvelopeTest, AnEnvelopeWithBytesBehindItIsNeverDecoded) {
  for (const std::string& bytes : valid_envelopes()) EXPECT_NE(problem_of(bytes + '\0'), "");
}

TEST(HostileEnvelopeTest, RandomDamageNeitherCrashesNorTakesMemory) {
  const std::vector<std::string> sound = valid_envelopes();
  std::mt19937 random(20261123);
  const long before_kib = peak_memory_kib();
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = sound[static_cast<std::size_t>(round) % sound.size()];
    for (auto changes = 1 + random() % 4; changes > 0; --changes) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
          break;
        default:
          bytes.erase(at, 1 + random() % 3);
      }
    }
    const std::vector<char> exact(bytes.begin(), bytes.end());
    StoredEnvelope out;
    if (!decode({exact.data(), exact.size()}, out).empty()) {
      ++refused;
      continue;
    }
    EXPECT_TRUE(out.jobs.size() == out.head.count || (out.head.flags & flag_opaque) != 0);
  }
  EXPECT_GT(refused, 5'000u);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr long allowed_kib = 512 * 1024;  // a sanitizer keeps freed memory for a while
#else
  constexpr long allowed_kib = 64 * 1024;
#endif
  EXPECT_LT(peak_memory_kib() - before_kib, allowed_kib);
}

TEST(HostileEnvelopeTest, NamesAnUnknownVersionAndUnknownFlags) {
  std::string bytes = samples::envelope(1);
  bytes[1] = 2;
  EXPECT_THAT(problem_of(bytes), HasSubstr("version 2 is newer"));
  bytes[1] = 0;
  EXPECT_THAT(problem_of(bytes), HasSubstr("head"));
  bytes[1] = 1;
  bytes[2] = 32;
  EXPECT_THAT(problem_of(bytes), HasSubstr("flags 32 are not known here"));
}

TEST(HostileEnvelopeTest, RefusesFlagsThatExcludeEachOther) {
  for (const int flags : {flag_opaque | flag_zstd, flag_opaque | flag_bundle,
                          flag_opaque | flag_own_ids, flag_bundle | flag_own_ids}) {
    EXPECT_THAT(Body{}.problem(static_cast<std::uint8_t>(flags)), HasSubstr("exclude each other"));
  }
}

TEST(HostileEnvelopeTest, RefusesCountsThatTheHeadAndTheBodyDoNotShare) {
  EXPECT_THAT(Body{}.problem(0, 2), HasSubstr("holds 1 jobs, the head says 2"));
  EXPECT_THAT(Body{}.problem(0, 0), HasSubstr("1 to 1000 jobs"));
  EXPECT_THAT(Body{}.problem(0, 1001), HasSubstr("1 to 1000 jobs"));
  EXPECT_THAT(
      (Body{.job_list = "\x90", .job = "", .kind_index = "", .time = "", .payload = ""}.problem()),
      HasSubstr("holds 0 jobs"));
}

TEST(HostileEnvelopeTest, SaysWhichJobIsWrongAndHow) {
  EXPECT_EQ(Body{.payload = "\xc4\x09p"}.problem(),
            "job 0: payload length runs past the end of the envelope");
  EXPECT_EQ(Body{.payload = std::string("\xc6\xff\xff\xff\xffp")}.problem(),
            "job 0: payload length runs past the end of the envelope");
  EXPECT_EQ(Body{.payload = "\xa1p"}.problem(), "job 0: payload is not a bin");
  EXPECT_EQ(Body{.kind_index = "\x01"}.problem(), "job 0: kind index 1 is outside of the 1 kinds");
  EXPECT_EQ(Body{.kind_index = "\xff"}.problem(), "job 0: kind index is not an unsigned integer");
  EXPECT_EQ(Body{.job = "\x92"}.problem(), "job 0: the job has 2 fields, not 3 or 4");
  EXPECT_EQ(Body{.time = "\xa0"}.problem(), "job 0: enqueue time is not an integer");
}

TEST(HostileEnvelopeTest, RefusesTimesThatNoClockCanHold) {
  const std::string largest = std::string(8, '\xff');
  const std::string lowest = "\xd3\x80" + std::string(7, '\0');
  EXPECT_THAT(Body{.base = "\xcf" + largest}.problem(), HasSubstr("the base time is"));
  EXPECT_THAT(Body{.time = lowest}.problem(), HasSubstr("not between 1970 and 2200"));
  EXPECT_THAT(Body{.time = "\xcf\x7f" + std::string(7, '\xff')}.problem(),
              HasSubstr("not between 1970 and 2200"));
  EXPECT_THAT(Body{.time = "\xcf" + largest}.problem(), HasSubstr("is not an integer"));
  EXPECT_THAT((Body{.extras = "\x81\x01\xcf" + largest}.problem()), HasSubstr("expires at is"));
}

TEST(HostileEnvelopeTest, RefusesKindsThatAreNoNames) {
  for (const std::string kind : {"\xa0", "\xa3\x61/b", "\xa2\x61\n", "\xa4\xc3\xbc\x62\x62"}) {
    EXPECT_THAT(Body{.kinds = "\x91" + kind}.problem(), HasSubstr("kind 0: the name is not"));
  }
  EXPECT_THAT(Body{.kinds = "\x91\xd9\x41" + std::string(65, 'a')}.problem(),
              HasSubstr("kind 0: the name is not"));
  EXPECT_THAT(Body{.kinds = "\x91\xc4\x01k"}.problem(), HasSubstr("kind 0: the name is not a str"));
}

TEST(HostileEnvelopeTest, RefusesListsThatPromiseMoreThanTheBytesCanHold) {
  const std::string promise = "\xdd" + std::string(4, '\xff');
  EXPECT_THAT(Body{.kinds = promise}.problem(), HasSubstr("runs past the end"));
  EXPECT_THAT(Body{.job_list = promise}.problem(), HasSubstr("runs past the end"));
  EXPECT_THAT((Body{.extras = "\xdf" + std::string(4, '\xff')}.problem()),
              HasSubstr("extras runs past the end"));
  EXPECT_THAT(problem_of(envelope_with(flag_bundle, 1000, promise)),
              HasSubstr("runs past the end"));
}

TEST(HostileEnvelopeTest, RefusesBytesBehindTheBody) {
  EXPECT_THAT(Body{.rest = "x"}.problem(), HasSubstr("followed by other bytes"));
  EXPECT_THAT(problem_of(envelope_with(flag_zstd, 1, zstd_frame(Body{.rest = "x"}.bytes()))),
              HasSubstr("followed by other bytes"));
  EXPECT_THAT(problem_of(envelope_with(flag_zstd, 1, zstd_frame(Body{}.bytes()) + "x")),
              HasSubstr("zstd frame is followed by other bytes"));
}

TEST(HostileEnvelopeTest, RefusesExtrasAboveTheirLimits) {
  const auto with_text = [](char key, std::size_t bytes) {
    std::string extras = "\x81";
    MsgpackAppender out(extras);
    out.uint(static_cast<std::uint64_t>(key));
    out.str(std::string(bytes, 'x'));
    return Body{.extras = extras}.problem();
  };
  EXPECT_EQ(with_text(5, max_batch_key_bytes), "");
  EXPECT_THAT(with_text(5, max_batch_key_bytes + 1), HasSubstr("batch key has 129 bytes"));
  EXPECT_EQ(with_text(6, max_reason_bytes), "");
  EXPECT_THAT(with_text(6, max_reason_bytes + 1), HasSubstr("last reason has 1025 bytes"));
  EXPECT_EQ(with_text(4, traceparent_bytes), "");
  EXPECT_THAT(with_text(4, traceparent_bytes - 1), HasSubstr("traceparent has not 55"));
  EXPECT_THAT((Body{.extras = "\x81\x03\xcd\x03\xe9"}.problem()),
              HasSubstr("max attempts is 1001"));
  EXPECT_THAT((Body{.extras = "\x81\x02\xff"}.problem()), HasSubstr("attempts is not"));

  std::string many = "\x81\x07\xde";
  many += std::string("\x00\x21", 2);
  for (std::size_t i = 0; i < max_headers + 1; ++i) many += "\xa1h\xa1v";
  EXPECT_THAT((Body{.extras = many}.problem()), HasSubstr("headers has 33 entries"));
  std::string large = "\x81\x07\x81\xa1h\xda\x20\x01" + std::string(8193, 'v');
  EXPECT_THAT((Body{.extras = large}.problem()), HasSubstr("headers has 8194 bytes"));
}

TEST(HostileEnvelopeTest, RefusesIdsWhereTheFlagsDoNotAllowThem) {
  const std::string id_pair = "\x81" + std::string(1, '\0') + "\xc4\x10" + std::string(16, 'i');
  EXPECT_THAT((Body{.extras = id_pair}.problem(0)), HasSubstr("own_ids is not set"));
  EXPECT_EQ((Body{.extras = id_pair}.problem(flag_own_ids)), "");
  EXPECT_THAT(Body{}.problem(flag_own_ids), HasSubstr("carries no id of its own"));
  EXPECT_THAT((Body{.extras = "\x81\x02\x01"}.problem(flag_own_ids)),
              HasSubstr("carries no id of its own"));
  EXPECT_THAT((Body{.extras = "\x81" + std::string(1, '\0') + "\xc4\x01i"}.problem(flag_own_ids)),
              HasSubstr("id is not a bin of 16"));
}

TEST(HostileEnvelopeTest, PassesOverDeeplyNestedUnknownExtras) {
  const std::string nested = std::string(500'000, '\x91') + "\xc0";
  EXPECT_EQ((Body{.extras = "\x81\x63" + nested}.problem()), "");
  EXPECT_THAT((Body{.extras = "\x81\x63" + std::string(500'000, '\x91')}.problem()),
              HasSubstr("runs past the end"));
  EXPECT_THAT((Body{.extras = "\x81\x63\xc1"}.problem()), HasSubstr("extras is not msgpack"));
}

TEST(HostileEnvelopeTest, RefusesNestedBundlesAndWhatElseIsNoPart) {
  const std::string part = samples::envelope(1);
  const std::string inner = samples::bundle({part}, 1);
  EXPECT_THAT(problem_of(samples::bundle({part, inner}, 2)),
              HasSubstr("part 1: flags 4 are not allowed inside a bundle"));
  EXPECT_THAT(problem_of(samples::bundle({envelope_with(flag_opaque, 1, "x")}, 1)),
              HasSubstr("part 0: flags 8 are not allowed inside a bundle"));
  EnvelopeWriter dead(samples::first_id());
  dead.add("k", "p", noon_us);
  EXPECT_THAT(problem_of(samples::bundle({dead.finish(0, Death{"r", 1, 1})}, 1)),
              HasSubstr("part 0: a dead letter"));
  EXPECT_THAT(
      problem_of(samples::bundle({envelope_with(0, 1, Body{.payload = "\xc4\x09p"}.bytes())}, 1)),
      HasSubstr("part 0: job 0: payload length"));
}

TEST(HostileEnvelopeTest, RefusesABundleWhosePartsDoNotSumToItsCount) {
  const std::string part = samples::envelope(2);
  EXPECT_EQ(problem_of(samples::bundle({part, part}, 4)), "");
  for (const std::size_t count : {3, 5}) {
    EXPECT_THAT(problem_of(samples::bundle({part, part}, count)), HasSubstr("parts of the bundle"));
  }
  EXPECT_THAT(problem_of(samples::bundle({}, 1)), HasSubstr("parts of the bundle"));
  EXPECT_THAT(problem_of(samples::bundle({part, part, part}, 2)), HasSubstr("has 3 parts"));
}

TEST(HostileEnvelopeTest, InflatesFramesOfUnknownSize) {
  const std::string body =
      Body{.payload = "\xc6" + big_endian_32(300'000) + std::string(300'000, 'p')}.bytes();
  const std::string frame = zstd_frame_of_unknown_size(body);
  ASSERT_EQ(ZSTD_getFrameContentSize(frame.data(), frame.size()), ZSTD_CONTENTSIZE_UNKNOWN);
  StoredEnvelope out;
  const std::string bytes = envelope_with(flag_zstd, 1, frame);
  ASSERT_EQ(decode(bytes, out), "");
  EXPECT_EQ(out.jobs.at(0).payload, std::string(300'000, 'p'));
}

TEST(HostileEnvelopeTest, RefusesFramesThatGrowAboveTheLimit) {
  const std::string zeros(max_inflated_bytes + 1, '\0');
  EXPECT_THAT(problem_of(envelope_with(flag_zstd, 1, zstd_frame(zeros))),
              HasSubstr("inflates to more than"));
  EXPECT_THAT(problem_of(envelope_with(flag_zstd, 1, zstd_frame_of_unknown_size(zeros))),
              HasSubstr("inflates to more than"));
}

TEST(HostileEnvelopeTest, BoundsTheSumOfWhatAllPartsInflateTo) {
  const auto part_of = [](std::size_t bytes) {
    const Body body{.extras = "\x81\x63\xc6" + big_endian_32(bytes) + std::string(bytes, '\0')};
    return envelope_with(flag_zstd, 1, zstd_frame(body.bytes()));
  };
  const std::string part = part_of(max_inflated_bytes / 2 - 1000);
  EXPECT_EQ(problem_of(samples::bundle({part, part}, 2)), "");
  EXPECT_THAT(problem_of(samples::bundle({part, part, part_of(100'000)}, 3)),
              HasSubstr("part 2: the zstd frame inflates to more than"));
}

TEST(HostileEnvelopeTest, ReadsTheHeadOfWhatCannotBeDecodedAsTheFunctionsDo) {
  const std::string bytes = samples::envelope(300);
  EXPECT_EQ(decode_head(bytes.substr(0, 24))->count, 300u);
  EXPECT_FALSE(decode_head(bytes.substr(0, 23))) << "the id is cut off";
  EXPECT_FALSE(decode_head(bytes.substr(0, 6)));
  EXPECT_FALSE(decode_head(""));
  const std::string odd_flags = "\x95\x01\xff\x01\xc4\x10" + std::string(16, 'i');
  EXPECT_EQ(decode_head(odd_flags)->flags, 0xff);
}

}  // namespace
}  // namespace ferry::wire
