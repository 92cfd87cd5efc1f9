// Parts of envelopes: jobs that leave together, and dead letters that are taken apart.

#include <optional>

#include "support/parts_fixture.hpp"

namespace ferry::test {
namespace {

using Ids = std::vector<std::string>;

class PartFunctionTest : public PartsTest {};

TEST_F(PartFunctionTest, GivesPartsBackAsEnvelopesOfTheirOwn) {
  const Leased held = lease_one("w", 5);
  const Ids ids = ids_of(held.bytes);
  EXPECT_EQ(part("w", held, {back(held, {0, 3}), back(held, {4})}), "[OK, 3, 0]");
  EXPECT_EQ(marks_of(held.entry_id), "x..xx");
  expect_balanced();
  const std::vector<Leased> given = fetch("w");
  ASSERT_EQ(given.size(), 2u);
  EXPECT_EQ(ids_of(given[0].bytes), (Ids{ids[0], ids[3]}));
  EXPECT_EQ(ids_of(given[1].bytes), Ids{ids[4]});
  const redis::ReplyPtr pending =
      connection->call({"XPENDING", keys.ready[1], group_name, "-", "+", "10", "w"});
  EXPECT_EQ(pending->root()[1][3].integer, 1) << "no delivery is burnt";
  EXPECT_EQ(settle("w", held, {1, 2}), "[OK, 2, 1]");
  EXPECT_EQ(done("w", given), "[OK, 2]");
  EXPECT_EQ(books().done, 5);
  expect_nothing_left();
}

TEST_F(PartFunctionTest, EndsAnEnvelopeWithItsLastJob) {
  const Leased held = lease_one("w", 4);
  settle("w", held, {2});
  EXPECT_EQ(part("w", held, {back(held, {0, 1}), back(held, {3})}), "[OK, 3, 1]");
  EXPECT_EQ(books().leased, 0);
  EXPECT_EQ(books().envelopes, 2);
  EXPECT_EQ(command({"EXISTS", keys.progress}), "0");
  EXPECT_EQ(part("w", held, {back(held, {0, 1}), back(held, {3})}), "[GONE]") << "repeated";
  EXPECT_EQ(books().envelopes, 2);
}

TEST_F(PartFunctionTest, StoresARepeatedPartOnce) {
  const Leased held = lease_one("w", 6);
  const std::vector<Part> parts{back(held, {0}), failed(held, {1, 2}), back(held, {3}, 60'000)};
  EXPECT_EQ(part("w", held, parts), "[OK, 4, 0]");
  EXPECT_EQ(part("w", held, parts), "[OK, 0, 0]");
  std::vector<Part> more = parts;
  more.push_back(back(held, {4}));
  EXPECT_EQ(part("w", held, more), "[OK, 1, 0]") << "what left is passed over";
  EXPECT_EQ(marks_of(held.entry_id), "xxxxx.");
  EXPECT_EQ(books().dead, 2);
  EXPECT_EQ(books().delayed, 1);
  EXPECT_EQ(books().envelopes, 3);
}

TEST_F(PartFunctionTest, ParksAPartUntilItIsDue) {
  const Leased held = lease_one("w", 3);
  EXPECT_EQ(part("w", held, {back(held, {0, 2}, 60'000)}), "[OK, 2, 0]");
  const std::string name = name_of(several_of(held.bytes, {0, 2}));
  EXPECT_EQ(command({"ZRANGE", keys.due, "0", "-1"}), "[" + name + "]");
  EXPECT_EQ(books().delayed, 2);
  command({"ZADD", keys.due, "1", name});
  EXPECT_EQ(show(promote()->root()), "[2, -1]");
  EXPECT_EQ(ids_of(fetch("w").at(0).bytes), ids_of(several_of(held.bytes, {0, 2})));
}

TEST_F(PartFunctionTest, GivesAPartBackAtOnceWhereItsIdIsParkedAlready) {
  const Leased held = lease_one("w", 3);
  const std::string twin = several_of(held.bytes, {0});
  enqueue({{twin, Priority::normal, 60'000}});  // the same id once more, from whomever
  EXPECT_EQ(part("w", held, {back(held, {0, 1}, 60'000), back(held, {2}, 60'000)}), "[OK, 3, 1]");
  EXPECT_EQ(books().delayed, 2) << "the twin and the last one";
  EXPECT_EQ(ids_of(fetch("w").at(0).bytes).size(), 2u) << "nobody's jobs are counted away";
  EXPECT_EQ(command({"HGET", keys.parked, name_of(twin)}), twin);
  EXPECT_EQ(books().cancelled, 0);
}

TEST_F(PartFunctionTest, BuriesAPart) {
  const Leased held = lease_one("w", 4);
  EXPECT_EQ(part("w", held, {failed(held, {1, 2})}), "[OK, 2, 0]");
  EXPECT_EQ(books().dead, 2);
  const std::string letter = command({"HGET", keys.parked, name_of(failed(held, {1, 2}).bytes)});
  EXPECT_EQ(ids_of(letter), (Ids{ids_of(held.bytes)[1], ids_of(held.bytes)[2]}));
  EXPECT_EQ(done("w", {{held.entry_id, held.bytes, Priority::normal, ".xx."}}), "[OK, 1]");
  EXPECT_EQ(books().done, 2);
}

TEST_F(PartFunctionTest, BuriesAPartUnderAnIdOfItsOwnWhereItsIdIsParkedAlready) {
  const Leased held = lease_one("w", 5);
  enqueue({{several_of(held.bytes, {1}), Priority::normal, 60'000}});
  const std::string first = several_of(held.bytes, {1, 2}, wire::Death{"one", 1, 1});
  const std::string second = several_of(held.bytes, {1, 4}, wire::Death{"two", 1, 1});
  EXPECT_EQ(part("w", held, {{"f", 0, {1, 2}, first}, {"f", 0, {4, 3}, second}}), "[OK, 4, 0]");
  EXPECT_EQ(books().dead, 4);
  EXPECT_EQ(books().dead_entries, 2);
  EXPECT_EQ(books().cancelled, 0);
}

TEST_F(PartFunctionTest, BuriesNothingWhereBothIdsAreTaken) {
  const Leased held = lease_one("w", 2);
  const Part letter = failed(held, {1});
  const std::size_t dash = held.entry_id.find('-');
  std::string hex;
  for (const char c : big_endian(2, 2) + big_endian(std::stoull(held.entry_id.substr(0, dash)), 6) +
                          big_endian(std::stoull(held.entry_id.substr(dash + 1)), 8)) {
    constexpr std::string_view digits = "0123456789abcdef";
    hex += {digits[static_cast<unsigned char>(c) >> 4], digits[static_cast<unsigned char>(c) & 15]};
  }
  command({"HSET", keys.parked, name_of(letter.bytes), "taken", "1:" + hex, "taken"});
  EXPECT_TRUE(part("w", held, {back(held, {0}), letter})
                  .starts_with("error FERRYBAD a letter is parked under the id of the entry"));
  EXPECT_EQ(books().dead, 0);
  EXPECT_EQ(books().envelopes, 1);
  command({"HDEL", keys.parked, "1:" + hex});
  EXPECT_EQ(part("w", held, {back(held, {0}), letter}), "[OK, 2, 1]");
  EXPECT_EQ(command({"ZRANGE", keys.dead, "0", "-1"}), "[1:" + hex + "]");
  command({"HDEL", keys.parked, name_of(letter.bytes)});
}

TEST_F(PartFunctionTest, TakesTheMarksOfSuspectsAlong) {
  const Leased held = lease_one("w", 4);
  start("w", held, {1});
  start("w", held, {1, 2});
  EXPECT_EQ(marks_of(held.entry_id), ".21.");
  EXPECT_EQ(part("w", held, {back(held, {2, 1}), back(held, {0, 3})}), "[OK, 4, 1]");
  const redis::ReplyPtr entries = connection->call({"XRANGE", keys.ready[1], "-", "+"});
  ASSERT_EQ(entries->root().size, 2u);
  EXPECT_EQ(entries->root()[0][1].size, 4u) << "the marks stand in the entry";
  EXPECT_EQ(show(entries->root()[0][1][2]) + show(entries->root()[0][1][3]), "m12");
  EXPECT_EQ(entries->root()[1][1].size, 2u);
  EXPECT_EQ(marks_of(std::string(entries->root()[0][0].text)), "12");
  EXPECT_EQ(command({"HLEN", keys.progress}), "1");
}

TEST_F(PartFunctionTest, DoesNotParkWhatWasStartedAsASuspect) {
  const Leased held = lease_one("w", 3);
  start("w", held, {1});
  EXPECT_TRUE(part("w", held, {back(held, {0}), back(held, {1, 2}, 1)})
                  .starts_with("error FERRYBAD a part with a delay has jobs that were started"));
  EXPECT_EQ(marks_of(held.entry_id), ".1.");
  EXPECT_EQ(books().envelopes, 1);
  EXPECT_EQ(part("w", held, {back(held, {0}, 60'000), back(held, {1, 2})}), "[OK, 3, 1]");
  EXPECT_EQ(fetch("w").size(), 1u);
  // A letter says itself how often it ran.
  const Leased other = lease_one("w", 1);
  start("w", other, {0});
  EXPECT_EQ(part("w", other, {failed(other, {0})}), "[OK, 1, 1]");
}

TEST_F(PartFunctionTest, ChangesNothingForAWorkerThatDoesNotHoldTheEnvelope) {
  const Leased held = lease_one("w", 2);
  register_worker("other");
  EXPECT_EQ(part("other", held, {back(held, {0})}), "[GONE]");
  EXPECT_EQ(part("stranger", held, {back(held, {0})}), "[STALE]");
  command({"HDEL", keys.workers, "w"});
  EXPECT_EQ(part("w", held, {back(held, {0})}), "[STALE]");
  EXPECT_EQ(books().envelopes, 1);
  EXPECT_EQ(command({"EXISTS", keys.progress}), "0");
}

TEST_F(PartFunctionTest, TakesAThousandPartsOfOneJobAndOnePartOfAThousand) {
  const Leased many = lease_one("w", 1000);
  std::vector<Part> parts;
  for (std::size_t i = 0; i < 1000; ++i) parts.push_back({"r", 0, {i}, one_of(many.bytes, i)});
  EXPECT_EQ(part("w", many, parts), "[OK, 1000, 1]");
  EXPECT_EQ(books().envelopes, 1000);
  const Leased whole = lease_one("w", 1000, Priority::low);
  std::vector<std::size_t> all(1000);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  EXPECT_EQ(part("w", whole, {back(whole, all)}), "[OK, 1000, 1]");
  EXPECT_EQ(books().ready, 2000);
}

TEST_F(PartFunctionTest, RefusesWrongArgumentsBeforeItChangesAnything) {
  const Leased fresh = lease_one("w", 3, Priority::high);
  std::vector<std::string> of_fresh = part_words("w", fresh, {back(fresh, {0})});
  for (const char* total : {"0", "1001"}) {
    of_fresh[2] = total;  // there is no progress to compare it with
    EXPECT_TRUE(fcall("part", part_keys(fresh), of_fresh).starts_with("error FERRYBAD")) << total;
  }
  const Leased held = lease_one("w", 3);
  settle("w", held, {2});
  const std::vector<std::string> right = part_words("w", held, {back(held, {0})});
  const auto with = [&](std::size_t at, const std::string& word) {
    std::vector<std::string> words = right;
    words[at] = word;
    return words;
  };
  std::vector<std::vector<std::string>> wrong;
  for (const char* number : {"", "x", "-1", "1.5", "nan", "inf", "1e300", "9007199254740992"}) {
    wrong.push_back(with(2, number));
    wrong.push_back(with(3, number));
    wrong.push_back(with(5, number));
  }
  wrong.insert(wrong.end(), {with(1, "first"),
                             with(1, ""),
                             with(1, "5-5-5"),
                             with(2, "0"),
                             with(2, "1001"),
                             with(2, "2"),
                             with(2, "4"),
                             with(4, ""),
                             with(4, "z"),
                             with(4, "rr"),
                             with(5, "31622400001"),
                             with(6, ""),
                             with(6, "x"),
                             with(6, packed({3})),
                             with(6, packed({0, 0})),
                             with(6, packed({0, 1})),
                             with(7, ""),
                             with(7, "hello"),
                             with(7, envelope(2)),
                             with(6, packed({65535}))});
  for (const std::size_t size : {0u, 1u, 4u, 5u, 7u}) {
    wrong.emplace_back(right.begin(), right.begin() + size);
  }
  std::vector<std::string> twice = right;
  twice.insert(twice.end(), right.begin() + 4, right.end());
  wrong.push_back(twice);  // a job leaves twice
  std::vector<std::string> settled = part_words("w", held, {back(held, {0}), back(held, {1, 2})});
  wrong.push_back(settled);
  for (const std::vector<std::string>& words : wrong) {
    EXPECT_TRUE(fcall("part", part_keys(held), words).starts_with("error FERRYBAD"))
        << testing::PrintToString(words);
  }
  EXPECT_TRUE(fcall("part", part_keys(held), with(5, "31622400001"))
                  .starts_with("error FERRYBAD the delay is '31622400001', expected"));
  EXPECT_TRUE(
      fcall("part", part_keys(held), with(7, envelope(2)))
          .starts_with("error FERRYBAD part 1 is not an envelope of version 1 with 1 jobs"));
  EXPECT_TRUE(
      fcall("part", part_keys(held), twice).starts_with("error FERRYBAD job 0 leaves twice"));
  EXPECT_EQ(marks_of(held.entry_id), "..x");
  EXPECT_EQ(books().envelopes, 2);
  EXPECT_EQ(fcall("part", part_keys(held), with(5, "31622400000")), "[OK, 1, 0]");
}

// --- Dead letters that wrap a bundle ---

class SplitFunctionTest : public PartsTest {
 protected:
  /// A bundle of these envelopes that died whole, and its name.
  std::string die(const std::vector<std::string>& parts) {
    register_worker("w");
    std::size_t jobs = 0;
    for (const std::string& bytes : parts) {
      jobs += jobs_in(bytes);
      enqueue({{bytes, Priority::normal, 1}});
      command({"ZADD", keys.due, std::to_string(++at_), name_of(bytes)});
    }
    EXPECT_EQ(show(promote()->root()), "[" + std::to_string(jobs) + ", -1]");
    const Leased bundle = fetch("w", 1).at(0);
    const std::string letter =
        wire::wrap_opaque(bundle.bytes, jobs, wire::decode_head(bundle.bytes)->first_id,
                          wire::Death{"part 1 is unreadable", 1, 1});
    EXPECT_EQ(bury("w", bundle, letter), "[OK, " + std::to_string(jobs) + "]");
    command({"ZADD", keys.dead, "777", name_of(letter)});
    letter_of_bundle_ = command({"HGET", keys.parked, name_of(letter)});
    return name_of(letter);
  }

  /// The letter of one part.
  static std::string letter_of(const std::string& bytes) {
    return wire::wrap_opaque(bytes, jobs_in(bytes), wire::decode_head(bytes)->first_id,
                             wire::Death{"its own reason", 1, 1});
  }

  int at_ = 0;
  std::string letter_of_bundle_;
};

TEST_F(SplitFunctionTest, MakesALetterOfEachPartThatDiedWhenTheBundleDid) {
  const std::vector<std::string> parts{envelope(2), envelope(1), envelope(3)};
  const std::string name = die(parts);
  EXPECT_EQ(books().dead, 6);
  const std::vector<std::string> letters{letter_of(parts[0]), letter_of(parts[1]),
                                         letter_of(parts[2])};
  EXPECT_EQ(split(name, letters), "3");
  EXPECT_EQ(books().dead, 6);
  EXPECT_EQ(books().dead_entries, 3);
  for (const std::string& letter : letters) {
    EXPECT_EQ(command({"ZSCORE", keys.dead, name_of(letter)}), "777");
    EXPECT_EQ(command({"HGET", keys.parked, name_of(letter)}), letter);
  }
  EXPECT_EQ(split(name, letters), "0") << "a repeated call";
  EXPECT_EQ(books().dead_entries, 3);
  EXPECT_EQ(fcall("dead_drop", {keys.state, keys.dead, keys.parked}, {name_of(letters[1])}), "1");
}

TEST_F(SplitFunctionTest, LeavesNoTraceOfALetterWhoseNameNoPartHas) {
  const std::vector<std::string> parts{envelope(2), envelope(1)};
  const std::string name = die(parts);
  const std::vector<std::string> letters{letter_of(envelope(2)), letter_of(envelope(1))};
  EXPECT_EQ(split(name, letters), "2");
  EXPECT_EQ(command({"HEXISTS", keys.parked, name}), "0");
  EXPECT_EQ(command({"ZSCORE", keys.dead, name}), "nil");
  EXPECT_EQ(split(name, letters), "0");
  EXPECT_EQ(books().dead_entries, 2);
}

TEST_F(SplitFunctionTest, PassesOverALetterThatIsNotThere) {
  const std::string gone = "1:" + std::string(32, 'a');
  EXPECT_EQ(split(gone, {letter_of(envelope(1))}), "0");
  const std::string delayed = envelope(1);
  enqueue({{delayed, Priority::normal, 60'000}});
  EXPECT_EQ(split(name_of(delayed), {letter_of(delayed)}), "0") << "it is parked, but not dead";
  command({"ZADD", keys.dead, "5", gone});  // a name without bytes
  EXPECT_EQ(split(gone, {letter_of(envelope(1))}), "0");
  command({"ZREM", keys.dead, gone});
}

TEST_F(SplitFunctionTest, RefusesWhatWouldLoseOrDoubleAJob) {
  const std::vector<std::string> parts{envelope(2), envelope(1)};
  const std::string name = die(parts);
  const std::string first = letter_of(parts[0]), second = letter_of(parts[1]);
  const std::string delayed = envelope(1);
  enqueue({{delayed, Priority::normal, 60'000}});
  const std::vector<std::vector<std::string>> wrong{
      {},
      {first},
      {first, second, letter_of(envelope(1))},
      {second},
      {first, "hi"},
      {first, ""},
      {first, letter_of(delayed)},
      {second, second, second},
      {letter_of(envelope(1)), second, letter_of(parts[1])}};
  for (const std::vector<std::string>& letters : wrong) {
    EXPECT_TRUE(split(name, letters).starts_with("error FERRYBAD"))
        << testing::PrintToString(letters);
  }
  const std::vector<std::string> names{"", "x", "3:" + std::string(32, 'a'),
                                       "1:" + std::string(32, 'A'), name + "a"};
  for (const std::string& bad_name : names) {
    EXPECT_TRUE(split(bad_name, {first, second}).starts_with("error FERRYBAD")) << bad_name;
  }
  EXPECT_TRUE(split(name, std::vector<std::string>(1001, first))
                  .starts_with("error FERRYBAD the letters have 2002 jobs, the dead letter has 3"));
  EXPECT_TRUE(split(name, {first, "hi"}).starts_with("error FERRYBAD envelope 2 is not"));
  EXPECT_TRUE(split(name, {first, letter_of(delayed)})
                  .starts_with("error FERRYBAD the id of letter 2 is parked already"));
  command({"HSET", keys.parked, name, "hello"});
  EXPECT_TRUE(split(name, {first, second})
                  .starts_with("error FERRYBAD the letters have 3 jobs, the dead letter has 0"));
  command({"HSET", keys.parked, name, letter_of_bundle_});
  EXPECT_EQ(books().dead_entries, 1);
  EXPECT_EQ(books().dead, 3);
  EXPECT_EQ(split(name, {first, second}), "2");
}

}  // namespace
}  // namespace ferry::test
