// Which delayed envelopes travel together in one entry, and which alone.

#include "support/due_fixture.hpp"

namespace ferry::test {
namespace {

class BundleFunctionTest : public DueTest {};

TEST_F(BundleFunctionTest, MovesASingleEnvelopeAsItIs) {
  const std::string bytes = envelope(3);
  enqueue_delayed({bytes}, 1, Priority::low);
  promote_when_due();
  register_worker("w");
  const std::vector<Leased> leased = fetch("w", 10, Priority::low);
  ASSERT_EQ(leased.size(), 1u);
  EXPECT_EQ(leased[0].bytes, bytes);
  EXPECT_EQ(books().ready, 3);
  EXPECT_EQ(done("w", leased), "[OK, 1]");
}

TEST_F(BundleFunctionTest, BundlesManyIntoOneEnvelopePerPriority) {
  const std::vector<std::string> normal{envelope(2), envelope(1), envelope(3)};
  const std::vector<std::string> high{envelope(1), envelope(1)};
  enqueue_delayed(normal, 1);
  enqueue_delayed(high, 1, Priority::high);
  wait_until_all_are_due();
  EXPECT_EQ(show(promote()->root()), "[8, -1]");

  register_worker("w");
  const std::vector<Leased> urgent = fetch("w", 10, Priority::high);
  const std::vector<Leased> leased = fetch("w");
  ASSERT_EQ(urgent.size(), 1u);
  ASSERT_EQ(leased.size(), 1u);
  EXPECT_EQ(wire::decode_head(leased[0].bytes)->flags, wire::flag_bundle);
  EXPECT_EQ(parts_of(leased[0].bytes).size(), 6u);
  EXPECT_EQ(parts_of(urgent[0].bytes).size(), 2u);
  expect_balanced();
  EXPECT_EQ(settle("w", leased[0], {0, 5}), "[OK, 2, 0]");
  EXPECT_EQ(done("w", urgent), "[OK, 1]");
}

TEST_F(BundleFunctionTest, BundlesInTheOrderInWhichTheyAreDue) {
  const std::string later = envelope();
  const std::string sooner = envelope();
  enqueue({{later, Priority::normal, 20}, {sooner, Priority::normal, 1}});
  wait_until_all_are_due();
  promote();
  register_worker("w");
  const std::vector<std::string> ids = parts_of(fetch("w").at(0).bytes);
  EXPECT_EQ(ids, (std::vector{wire::decode_head(sooner)->first_id.to_string(),
                              wire::decode_head(later)->first_id.to_string()}));
}

TEST_F(BundleFunctionTest, BeginsANewBundleAtTheByteLimit) {
  enqueue_delayed({envelope(1, std::string(400, 'a')), envelope(1, std::string(400, 'b')),
                   envelope(1, std::string(400, 'c'))},
                  1);
  wait_until_all_are_due();
  promote(500, 1000);
  EXPECT_EQ(books().envelopes, 2);
  EXPECT_EQ(books().ready, 3);
}

TEST_F(BundleFunctionTest, BeginsANewBundleAtAThousandJobs) {
  enqueue_delayed({envelope(600), envelope(400), envelope(1)}, 1);
  wait_until_all_are_due();
  promote();
  EXPECT_EQ(books().envelopes, 2);
  EXPECT_EQ(books().ready, 1001);
  enqueue_delayed({envelope(600), envelope(400)}, 1);
  wait_until_all_are_due();
  promote();
  EXPECT_EQ(books().envelopes, 3) << "a thousand fit";
}

TEST_F(BundleFunctionTest, HoldsNoMoreJobsThanTheHintsSayOfTheSlowestKind) {
  const auto envelopes_of = [&](const std::vector<std::size_t>& jobs, const std::string& hints) {
    command({"HSET", keys.state, "hints", hints});
    const std::int64_t before = books().envelopes;
    std::vector<std::string> envelopes;
    for (const std::size_t each : jobs) envelopes.push_back(envelope(each));
    enqueue_delayed(envelopes, 1);
    wait_until_all_are_due();
    promote();
    return books().envelopes - before;
  };
  EXPECT_EQ(envelopes_of({1, 1, 1, 1, 1}, ""), 1);
  EXPECT_EQ(envelopes_of({1, 1, 1, 1, 1}, "mail=1"), 5);
  EXPECT_EQ(envelopes_of({1, 1, 1, 1, 1}, "index=8 mail=2 a.b-c=64"), 3);
  EXPECT_EQ(envelopes_of({3, 3}, "index=8 mail=2"), 2) << "what is larger travels alone";
  EXPECT_EQ(envelopes_of({1, 1, 1, 1, 1}, "index=1000"), 1);
}

TEST_F(BundleFunctionTest, LetsWhatAReaderMightRefuseTravelAlone) {
  const std::string plain = envelope();
  const auto with_flags = [&](int flags) {
    std::string bytes = envelope();
    bytes[2] = static_cast<char>(flags);
    return bytes;
  };
  std::string letter = envelope();
  letter[0] = '\x96';
  const std::string cut = envelope();
  std::string no_bin = envelope();
  no_bin[22] = '\x90';
  struct Case {
    const char* what;
    std::string bytes;
  };
  const Case alone[] = {{"a bundle", with_flags(4)},
                        {"an opaque one", with_flags(8)},
                        {"a later flag", with_flags(32)},
                        {"a later flag among others", with_flags(34)},
                        {"the highest flag", with_flags(64)},
                        {"a dead letter", letter},
                        {"a body that is cut off", cut.substr(0, cut.size() - 1)},
                        {"a body that is followed by more", cut + "x"},
                        {"no body", cut.substr(0, 22)},
                        {"the head of a bin that is cut off", cut.substr(0, 22) + "\xc4"},
                        {"one of two bytes", cut.substr(0, 22) + "\xc5\x01"},
                        {"one of four bytes", cut.substr(0, 22) + "\xc6\x01\x01\x01"},
                        {"a body that is no bin", no_bin},
                        {"a frame that is none", with_flags(1)}};
  register_worker("w");
  for (const Case& one : alone) {
    const std::vector<std::string> others{envelope(), envelope()};
    enqueue_delayed({others[0], one.bytes, others[1]}, 1);
    wait_until_all_are_due();
    EXPECT_EQ(show(promote()->root()), "[3, -1]") << one.what;
    const std::vector<Leased> leased = fetch("w");
    ASSERT_EQ(leased.size(), 2u) << one.what;
    EXPECT_EQ(leased[0].bytes, one.bytes) << one.what;
    EXPECT_EQ(parts_of(leased[1].bytes).size(), 2u) << one.what;
    EXPECT_EQ(done("w", leased), "[OK, 2]");
  }
}

TEST_F(BundleFunctionTest, BundlesCompressedEnvelopesUpToAMegabyteInflated) {
  // The stored sizes are tiny: what bounds is what they inflate to.
  std::vector<std::string> envelopes;
  for (int i = 0; i < 9; ++i) envelopes.push_back(compressed(256 << 10));
  envelopes.push_back(compressed(2 << 20));
  enqueue_delayed(envelopes, 1);
  wait_until_all_are_due();
  EXPECT_EQ(show(promote()->root()), "[10, -1]");
  register_worker("w");
  std::vector<std::size_t> sizes;
  for (const Leased& one : fetch("w")) sizes.push_back(parts_of(one.bytes).size());
  std::sort(sizes.begin(), sizes.end());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 3, 3, 3})) << "256 KiB and a little more each";
}

TEST_F(BundleFunctionTest, ReadsWhatAFrameInflatesToInEachOfItsForms) {
  register_worker("w");
  for (const unsigned form : {0u, 1u, 2u, 3u}) {
    for (const unsigned single : {0u, 1u}) {
      for (const unsigned dictionary : {0u, 1u, 2u, 3u}) {
        const std::string what =
            std::to_string(form) + "/" + std::to_string(single) + "/" + std::to_string(dictionary);
        // The most that two bytes say, sixteen times, is more than a megabyte; fifteen times less.
        std::vector<std::string> envelopes;
        for (int i = 0; i < 16; ++i) {
          envelopes.push_back(framed(form, single, dictionary, form == 0 ? 255 : 65'535 + 256));
        }
        EXPECT_EQ(bundles_of(envelopes), form == 0 && single == 0 ? Sizes(16, 1)
                                         : form == 0              ? Sizes{16}
                                                                  : (Sizes{1, 15}))
            << what;
        if (form < 2) continue;
        EXPECT_EQ(bundles_of({framed(form, single, dictionary, 2 << 20), envelope(), envelope()}),
                  (Sizes{1, 2}))
            << what;
      }
    }
  }
}

TEST_F(BundleFunctionTest, BundlesSealedEnvelopesWithTheirLike) {
  std::vector<std::string> envelopes;
  for (int i = 0; i < 6; ++i) {
    envelopes.push_back(envelope());
    if (i % 2 == 1) envelopes.back()[2] = 16;
  }
  enqueue_delayed(envelopes, 1);
  wait_until_all_are_due();
  EXPECT_EQ(show(promote()->root()), "[6, -1]");
  register_worker("w");
  const std::vector<Leased> leased = fetch("w");
  ASSERT_EQ(leased.size(), 2u);
  EXPECT_EQ(parts_of(leased[0].bytes).size(), 3u);
  EXPECT_EQ(parts_of(leased[1].bytes).size(), 3u);
}

TEST_F(BundleFunctionTest, MovesAnEnvelopeWhoseHeadCannotBeReadAlone) {
  const std::string name = "1:" + std::string(32, 'a');
  command({"HSET", keys.parked, name, "hello"});
  command({"ZADD", keys.due, "1", name});
  enqueue_delayed({envelope(2), envelope(1)}, 1);
  wait_until_all_are_due();
  EXPECT_EQ(show(promote()->root()), "[3, -1]");
  EXPECT_EQ(books().delayed, 0);
  EXPECT_EQ(show(promote()->root()), "[0, -1]");
  register_worker("w");
  const Leased alien = fetch("w", 1).at(0);
  EXPECT_EQ(alien.bytes, "hello");
  EXPECT_EQ(bury("w", alien, envelope()), "[OK, 1]");
}

TEST_F(BundleFunctionTest, MovesAnEnvelopeWhoseHeadCannotBeReadEvenIfItIsAllThereIs) {
  const std::string name = "0:" + std::string(32, 'a');
  command({"HSET", keys.parked, name, "hello"});
  command({"ZADD", keys.due, "1", name});
  EXPECT_EQ(show(promote()->root()), "[1, -1]") << "it moved, so a worker of before goes on";
  register_worker("w");
  EXPECT_EQ(bury("w", fetch("w", 1, Priority::high).at(0), envelope()), "[OK, 1]");
}

}  // namespace
}  // namespace ferry::test
