#include <algorithm>
#include <memory>

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

  redis::ReplyPtr promote_as(redis::Connection& user, const std::vector<std::string>& arguments) {
    std::vector<std::string_view> words{"FCALL",       "ferry_v1_promote", "6",
                                        keys.state,    keys.due,           keys.parked,
                                        keys.ready[0], keys.ready[1],      keys.ready[2]};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return user.command(words);
  }

  /// A user who may do everything but one command.
  redis::Connection& without(const std::string& denied) {
    command({"ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "+@all", "-" + denied});
    limited_ = std::make_unique<redis::Connection>(
        RedisOptions{.url = "unix://limited:secret@" + server().socket_path()});
    limited_->connect();
    return *limited_;
  }

  /// An envelope of one job that is small and inflates to a little more than these bytes.
  std::string compressed(std::size_t bytes) {
    const std::string id = envelope();
    wire::EnvelopeWriter writer(wire::decode_head(id)->first_id);
    writer.add("kind", std::string(bytes, 'x'), 1'700'000'000'000'000);
    return writer.finish(1024);
  }

  static std::vector<std::string> parts_of(const std::string& bundle) {
    wire::StoredEnvelope stored;
    EXPECT_EQ(wire::decode(bundle, stored), "");
    std::vector<std::string> ids;
    for (const wire::StoredJob& job : stored.jobs) ids.push_back(job.id.to_string());
    return ids;
  }

  int in_order_ = 0;

 private:
  std::unique_ptr<redis::Connection> limited_;
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

// As workers up to revision 4 do: two arguments, and again while something moved and more is due.
TEST_F(DueFunctionTest, MovesAboutAMegabyteOrOneEnvelopeACallForWorkersOfBefore) {
  struct Case {
    std::size_t bytes, envelopes;
    std::vector<int> moves;  ///< by each call
  };
  for (const bool may_ask_for_sizes : {true, false}) {
    for (const Case& one :
         {Case{300 << 10, 8, {3, 3, 2}}, Case{500 << 10, 3, {2, 1}}, Case{1 << 20, 2, {1, 1}},
          Case{2 << 20, 3, {1, 1, 1}}, Case{100, 600, {500, 100}}}) {
      for (std::size_t i = 0; i < one.envelopes; ++i) {
        enqueue_delayed({envelope(1, std::string(one.bytes, 'x'))}, 1);
      }
      wait_until_all_are_due();
      std::vector<int> moved;
      std::int64_t next = 0;
      while (next == 0) {
        const redis::ReplyPtr reply =
            promote_as(may_ask_for_sizes ? *connection : without("hstrlen"), {"500", "65536"});
        ASSERT_EQ(reply->root().size, 2u) << show(reply->root());
        if (reply->root()[0].integer == 0) break;
        moved.push_back(static_cast<int>(reply->root()[0].integer));
        next = reply->root()[1].integer;
      }
      EXPECT_EQ(moved, one.moves) << one.bytes;
      EXPECT_EQ(next, -1);
      EXPECT_EQ(books().delayed, 0);
    }
  }
}

TEST_F(DueFunctionTest, LeavesABodyThatIsTooLargeToBeMovedInsideAndNamesTheFirst) {
  const std::vector<std::string> large{envelope(2, std::string(5000, 'l')),
                                       envelope(1, std::string(6000, 'l'))};
  for (const std::string& bytes : {large[0], envelope(1), large[1], envelope(1)}) {
    enqueue_delayed({bytes}, 1);
    command({"ZADD", keys.due, std::to_string(++in_order_), name_of(bytes)});
  }
  wait_until_all_are_due();
  const std::string named = ", 0, " + name_of(large[0]) + ", " + std::to_string(large[0].size());
  EXPECT_EQ(show(promote_as(*connection, {"500", "65536", "5000"})->root()), "[2" + named + "]");
  EXPECT_EQ(show(promote_as(*connection, {"500", "65536", "5000"})->root()), "[0" + named + "]");
  EXPECT_EQ(books().delayed, 3);
  EXPECT_EQ(show(promote_as(*connection, {"1", "65536", "1"})->root()), "[0" + named + "]");
  EXPECT_EQ(show(promote_as(without("hstrlen"), {"500", "65536", "5000"})->root()), "[3, -1]")
      << "a user who may not ask for sizes is served all the same";
}

TEST_F(DueFunctionTest, RefusesWrongNumbers) {
  enqueue_delayed({envelope()}, 1);
  wait_until_all_are_due();
  const std::vector<std::vector<std::string>> wrong{{},
                                                    {"500"},
                                                    {"0", "65536"},
                                                    {"501", "65536"},
                                                    {"-1", "65536"},
                                                    {"1.5", "65536"},
                                                    {"x", "65536"},
                                                    {"nan", "65536"},
                                                    {"500", "-1"},
                                                    {"500", "x"},
                                                    {"500", "1e300"},
                                                    {"500", "65536", "-1"},
                                                    {"500", "65536", "x"},
                                                    {"500", "65536", "inf"},
                                                    {"500", "65536", ""}};
  for (const std::vector<std::string>& words : wrong) {
    EXPECT_TRUE(show(promote_as(*connection, words)->root()).starts_with("error FERRYBAD"))
        << testing::PrintToString(words);
  }
  EXPECT_EQ(books().delayed, 1);
}

// What a reader of today might refuse, and what holds others already, takes nobody along.
TEST_F(DueFunctionTest, LetsWhatAReaderMightRefuseTravelAlone) {
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

TEST_F(DueFunctionTest, BundlesCompressedEnvelopesUpToAMegabyteInflated) {
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

TEST_F(DueFunctionTest, BundlesSealedEnvelopesWithTheirLike) {
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

TEST_F(DueFunctionTest, MovesAnEnvelopeWhoseHeadCannotBeReadAlone) {
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

TEST_F(DueFunctionTest, MovesAnEnvelopeWhoseHeadCannotBeReadEvenIfItIsAllThereIs) {
  const std::string name = "0:" + std::string(32, 'a');
  command({"HSET", keys.parked, name, "hello"});
  command({"ZADD", keys.due, "1", name});
  EXPECT_EQ(show(promote()->root()), "[1, -1]") << "it moved, so a worker of before goes on";
  register_worker("w");
  EXPECT_EQ(bury("w", fetch("w", 1, Priority::high).at(0), envelope()), "[OK, 1]");
}

TEST_F(DueFunctionTest, RemovesNamesThatNoFunctionParksAndMovesTheOthers) {
  const std::vector<std::string> names{"",
                                       "zzz",
                                       "1:" + std::string(31, 'a'),
                                       "1:" + std::string(33, 'a'),
                                       "3:" + std::string(32, 'a'),
                                       "1-" + std::string(32, 'a'),
                                       "1:" + std::string(32, 'A'),
                                       "1:" + std::string(32, 'g'),
                                       std::string("1:\0", 3) + std::string(31, 'a'),
                                       std::string(100'000, 'n')};
  for (const std::string& name : names) {
    command({"ZADD", keys.due, "1", name});
    command({"HSET", keys.parked, name, envelope()});
  }
  enqueue_delayed({envelope(3)}, 1);
  wait_until_all_are_due();
  EXPECT_EQ(show(promote(static_cast<int>(names.size()))->root()), "[0, 0]");
  EXPECT_EQ(show(promote()->root()), "[3, -1]");
  EXPECT_EQ(command({"EXISTS", keys.due, keys.parked}), "0");
}

TEST_F(DueFunctionTest, TellsWhenTheNextOneIsDueWhateverTimeStandsThere) {
  const std::string name = "1:" + std::string(32, 'a');
  struct Case {
    const char* score;
    const char* next;
  };
  for (const Case& one : {Case{"+inf", "31622400000"}, Case{"1e300", "31622400000"},
                          Case{"99999999999999", "31622400000"}}) {
    command({"ZADD", keys.due, one.score, name});
    EXPECT_EQ(show(promote()->root()), "[0, " + std::string(one.next) + "]") << one.score;
  }
  for (const char* score : {"-inf", "-1e300", "-5", "0", "0.5"}) {
    command({"ZADD", keys.due, score, name});
    EXPECT_EQ(show(promote()->root()), "[0, -1]") << score;
  }
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
