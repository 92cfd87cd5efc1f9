#include "support/functions_test.hpp"

namespace ferry::test {
namespace {

class DueFunctionTest : public FunctionsTest {
 protected:
  void enqueue_delayed(const std::vector<std::string>& envelopes, int delay_ms,
                       Priority priority = Priority::normal) {
    std::vector<Parcel> parcels;
    for (const std::string& bytes : envelopes) parcels.push_back({bytes, priority, delay_ms});
    enqueue(parcels);
  }

  /// Waits until Redis's clock has passed what is due next.
  void promote_when_due(int most = 500, int most_bytes = 1 << 20) {
    const std::int64_t before = books().delayed;
    ASSERT_TRUE(eventually([&] {
      promote(most, most_bytes);
      return books().delayed < before;
    }));
  }

  void wait_until_all_are_due() {
    ASSERT_TRUE(eventually([&] {
      const redis::ReplyPtr time = connection->call({"TIME"});
      const auto part = [&](std::size_t i) {
        return std::stoll(std::string(time->root()[i].text));
      };
      const std::string now_ms = std::to_string(part(0) * 1000 + part(1) / 1000);
      return show(connection->call({"ZCOUNT", keys.due, "(" + now_ms, "+inf"})->root()) == "0";
    }));
  }

  static std::vector<std::string> parts_of(const std::string& bundle) {
    wire::StoredEnvelope stored;
    EXPECT_EQ(wire::decode(bundle, stored), "");
    std::vector<std::string> ids;
    for (const wire::StoredJob& job : stored.jobs) ids.push_back(job.id.to_string());
    return ids;
  }
};

TEST_F(DueFunctionTest, PromotesNothingThatIsNotDue) {
  EXPECT_EQ(show(promote()->root()), "[0, -1]");
  enqueue_delayed({envelope(2)}, 60'000);
  const redis::ReplyPtr reply = promote();
  EXPECT_EQ(reply->root()[0].integer, 0);
  EXPECT_GT(reply->root()[1].integer, 0);
  EXPECT_LE(reply->root()[1].integer, 60'000);
  EXPECT_EQ(books().delayed, 2);
}

TEST_F(DueFunctionTest, MovesASingleEnvelopeAsItIs) {
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

TEST_F(DueFunctionTest, BundlesManyIntoOneEnvelopePerPriority) {
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

TEST_F(DueFunctionTest, BundlesInTheOrderInWhichTheyAreDue) {
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

TEST_F(DueFunctionTest, BeginsANewBundleAtTheByteLimit) {
  enqueue_delayed({envelope(1, std::string(400, 'a')), envelope(1, std::string(400, 'b')),
                   envelope(1, std::string(400, 'c'))},
                  1);
  wait_until_all_are_due();
  promote(500, 1000);
  EXPECT_EQ(books().envelopes, 2);
  EXPECT_EQ(books().ready, 3);
}

TEST_F(DueFunctionTest, BeginsANewBundleAtAThousandJobs) {
  enqueue_delayed({envelope(600), envelope(400), envelope(1)}, 1);
  wait_until_all_are_due();
  promote();
  EXPECT_EQ(books().envelopes, 2);
  EXPECT_EQ(books().ready, 1001);
}

TEST_F(DueFunctionTest, MovesAtMostWhatWasAskedFor) {
  enqueue_delayed({envelope(), envelope(), envelope()}, 1);
  wait_until_all_are_due();
  EXPECT_EQ(show(promote(2)->root()), "[2, 0]") << "0 ms: the third is due already";
  EXPECT_EQ(show(promote(2)->root()), "[1, -1]");
}

TEST_F(DueFunctionTest, PassesOverANameWithoutBytes) {
  command({"ZADD", keys.due, "1", "1:" + std::string(32, '0')});
  EXPECT_EQ(show(promote()->root()), "[0, -1]");
  EXPECT_EQ(command({"EXISTS", keys.due}), "0");
}

TEST_F(DueFunctionTest, ForgetsProducersThatWereSilentForLong) {
  enqueue_at(1, {{envelope()}}, {}, "new");
  command({"HSET", keys.producers, "old", "7:1000"});
  EXPECT_EQ(fcall("expire_producers", {keys.producers}, {"0", "3600000"}), "[0, 1]");
  EXPECT_EQ(command({"HKEYS", keys.producers}), "[new]");
  EXPECT_EQ(fcall("expire_producers", {keys.producers}, {"0", "3600000"}), "[0, 0]");
}

}  // namespace
}  // namespace ferry::test
