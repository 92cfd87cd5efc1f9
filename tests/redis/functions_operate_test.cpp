// books.lua, remove.lua and dead_large.lua.

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "support/counting_budgets.hpp"
#include "support/counting_redis.hpp"
#include "support/functions_test.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* last_id = "18446744073709551615-18446744073709551615";

class OperateFunctionTest : public FunctionsTest {
 protected:
  redis::ReplyPtr books_reply(std::string_view most_bytes = "1000000") {
    auto all =
        with_streams({keys.state, keys.workers, keys.progress, keys.due, keys.parked, keys.dead});
    all.insert(all.end(), {keys.control, keys.producers});
    return fcall_reply("books", all, {std::string(most_bytes)});
  }

  std::string wrong_keys() { return show(books_reply()->root()[18]); }

  std::string weigh(std::string_view from, std::string_view to, int most, int bytes,
                    std::string_view lists = "0") {
    return fcall("weigh", {keys.progress, keys.ready[1]},
                 {std::string(from), std::string(to), std::to_string(most), std::to_string(bytes),
                  std::string(lists)});
  }

  std::string weigh_parked(const std::string& set, int rank, int most, int bytes,
                           std::string_view lists = "0") {
    return fcall(
        "weigh_parked", {set, keys.parked},
        {std::to_string(rank), std::to_string(most), std::to_string(bytes), std::string(lists)});
  }

  std::string remove(const std::vector<std::string>& arguments) {
    return fcall("remove",
                 with_streams({keys.state, keys.due, keys.dead, keys.parked, keys.progress}),
                 arguments);
  }

  std::string forget(int silent_ms = 0) {
    return fcall("forget",
                 with_streams({keys.state, keys.due, keys.dead, keys.parked, keys.progress,
                               keys.control, keys.workers, keys.producers}),
                 {std::to_string(silent_ms)});
  }

  /// Lets one job die; returns its envelope among the dead letters.
  std::string let_one_die(Priority priority = Priority::normal) {
    const Leased leased = lease_one("w", 1, priority);
    const std::string letter = one_of(leased.bytes, 0);
    EXPECT_EQ(settle("w", leased, {}, {}, {{0, "f", 0, letter}}), "[OK, 1, 1]");
    return letter;
  }

  /// The transaction of a large letter. Returns: the replies to its commands.
  std::string transact(const std::string& letter, const std::string& envelope,
                       Priority priority = Priority::normal, std::string_view told_bytes = {}) {
    const std::string& stream = keys.ready[static_cast<std::size_t>(priority)];
    const std::string gate = keys.gate_of("test");
    const std::string size =
        told_bytes.empty() ? std::to_string(letter.size()) : std::string(told_bytes);
    connection->connect();
    connection->append({"MULTI"});
    connection->append({"FCALL", "ferry_v1_dead_open", "5", keys.state, keys.dead, keys.parked,
                        gate, stream, name_of(letter, priority), size,
                        std::to_string(jobs_in(envelope)), std::to_string(envelope.size())});
    connection->append({"XADD", gate, "NOMKSTREAM", "*", "e", envelope});
    connection->append({"RENAMENX", gate, stream});
    connection->append(
        {"FCALL", "ferry_v1_dead_close", "4", keys.state, keys.dead, keys.parked, stream});
    connection->append({"EXEC"});
    for (int queued = 0; queued < 5; ++queued) connection->read();
    return show(connection->read()->root());
  }

  /// Every key of the queue with all that it holds, but for what a look changes.
  std::map<std::string, std::string> snapshot() {
    std::map<std::string, std::string> all;
    const auto names = connection->call({"KEYS", keys.base + "*"});
    for (const redis::Reply& name : names->root()) {
      all[std::string(name.text)] = show(connection->command({"DUMP", name.text})->root());
    }
    return all;
  }

  std::vector<std::string> all_keys() const {
    return with_streams({keys.state, keys.control, keys.producers, keys.workers, keys.progress,
                         keys.due, keys.parked, keys.dead});
  }
};

TEST_F(OperateFunctionTest, TellsTheBooksAsCountsDoes) {
  const std::string delayed = envelope(4);
  lease_one("w", 3);
  enqueue({{envelope(2)}, {delayed, Priority::normal, 60'000}});
  const auto reply = books_reply();
  const Books counted = books();
  const redis::Reply& r = reply->root();
  ASSERT_EQ(r.size, 19u);
  EXPECT_EQ(r[0].integer, counted.accepted);
  EXPECT_EQ(r[4].integer, 4);
  EXPECT_EQ(r[7].integer, 5);
  EXPECT_EQ(r[8].integer, 2);
  EXPECT_EQ(r[9].integer, 1);
  EXPECT_EQ(r[13].integer, 1);
  EXPECT_EQ(show(r[18]), "[]");
  ASSERT_TRUE(eventually([&] { return books_reply()->root()[14].integer > 0; }));
}

TEST_F(OperateFunctionTest, ReadsNoLargeEnvelopeForItsAge) {
  enqueue({{envelope()}});
  EXPECT_EQ(books_reply("10")->root()[14].integer, -1);
  EXPECT_GE(books_reply("1000")->root()[14].integer, 0);
  register_worker("w");
  fetch("w");
  EXPECT_EQ(books_reply("10")->root()[14].integer, 0) << "nothing waits";
}

TEST_F(OperateFunctionTest, NamesEachKeyThatHoldsSomethingElseAndTellsTheRest) {
  enqueue({{envelope(2)}});
  for (const std::string& key : all_keys()) {
    const std::string kept = key + ".kept";
    const bool was_there = command({"EXISTS", key}) == "1";
    if (was_there) command({"RENAME", key, kept});
    for (const std::vector<std::string>& other : std::vector<std::vector<std::string>>{
             {"SET", key, "x"}, {"RPUSH", key, "x"}, {"SADD", key, "x"}}) {
      connection->call(std::vector<std::string_view>(other.begin(), other.end()));
      EXPECT_THAT(wrong_keys(),
                  AllOf(StartsWith("[" + key + ", WRONGTYPE"), Not(HasSubstr(", " + keys.base))))
          << other[0];
      if (key != keys.state) {
        EXPECT_EQ(books_reply()->root()[0].integer, 2) << key;
      }
      command({"DEL", key});
    }
    if (was_there) command({"RENAME", kept, key});
  }
  EXPECT_EQ(wrong_keys(), "[]");
}

TEST_F(OperateFunctionTest, TellsACounterThatIsNone) {
  enqueue({{envelope(2)}});
  for (const std::string_view value : {"abc", "1e400", "nan", "1.5", "", "9007199254740993"}) {
    command({"HSET", keys.state, "done", value});
    EXPECT_THAT(wrong_keys(), StartsWith("[" + keys.state + ", done is \"")) << value;
  }
  command({"HSET", keys.state, "done", "-3"});
  EXPECT_EQ(wrong_keys(), "[]") << "wrong, but a number: the audit tells";
  command({"HSET", keys.state, "done", "0"});
}

TEST_F(OperateFunctionTest, WeighsAStreamByBytesHoweverManyEntriesThereAre) {
  register_worker("w");
  enqueue({{envelope(2)}, {envelope(3)}, {envelope(4, std::string(900, 'x'))}, {envelope(1)}});
  const std::vector<Leased> leased = fetch("w", 2);
  settle("w", leased[1], {0});
  const std::size_t first = leased[0].bytes.size(), second = leased[1].bytes.size();
  const std::string both = std::to_string(first + second);
  EXPECT_EQ(weigh("-", leased[1].entry_id, 500, 1'000'000, "1"),
            "[4, " + both + ", , 2, " + std::to_string(std::max(first, second) + 1) + ", [" +
                leased[0].entry_id + ", 2, " + std::to_string(first) + ", " + leased[1].entry_id +
                ", 2, " + std::to_string(second) + "]]");
  EXPECT_THAT(weigh("-", "+", 500, 1),
              StartsWith("[2, " + std::to_string(first) + ", " + leased[0].entry_id + ", 1, "));
  EXPECT_THAT(weigh("-", "+", 500, static_cast<int>(first) + 2), HasSubstr(", 2, "))
      << "it ends behind the one that fills it";
  EXPECT_THAT(weigh("-", "+", 3, 1'000'000), HasSubstr(", 3, "));
  EXPECT_THAT(weigh("-", "+", 500, 1'000'000), StartsWith("[9, "));
  EXPECT_EQ(weigh("(" + leased[1].entry_id, leased[1].entry_id, 5, 5), "[0, 0, , 0, 0, []]");
  for (const auto& [most, bytes] : {std::pair{0, 5}, {501, 5}, {-1, 5}, {5, -1}}) {
    EXPECT_THAT(weigh("-", "+", most, bytes), StartsWith("error FERRYBAD"));
  }
}

TEST_F(OperateFunctionTest, WeighsForeignEntriesAndTheLastIdThatThereIs) {
  enqueue({{envelope(2)}});
  command({"XADD", keys.ready[1], "*", "e", "nonsense"});
  command({"XADD", keys.ready[1], last_id, "e", "at the end", "f", std::string(500, 'x')});
  EXPECT_THAT(weigh("-", "+", 500, 1'000'000, "1"),
              AllOf(StartsWith("[2, "), HasSubstr(", , 3, 512, ["),
                    HasSubstr(std::string(last_id) + ", 0, 0]")));
  EXPECT_THAT(show(books_reply()->root()[18]), "[]");
  command({"DEL", keys.ready[1], keys.state});
}

TEST_F(OperateFunctionTest, WeighsWhatIsParkedAndReadsNothingLarge) {
  const std::string small = envelope(2);
  const std::string large = envelope(3, std::string(900, 'x'));
  enqueue({{small, Priority::normal, 60'000},
           {large, Priority::normal, 70'000},
           {envelope(4), Priority::normal, 80'000}});
  const std::string all = std::to_string(small.size() + large.size() + envelope(4).size());
  EXPECT_EQ(weigh_parked(keys.due, 0, 500, 100'000), "[9, " + all + ", 3, []]");
  EXPECT_EQ(
      weigh_parked(keys.due, 0, 500, 500),
      "[6, " + all + ", 3, [" + name_of(large) + ", -1, " + std::to_string(large.size()) + "]]");
  EXPECT_THAT(weigh_parked(keys.due, 0, 500, 500, "1"),
              HasSubstr("[" + name_of(small) + ", 2, " + std::to_string(small.size()) + ", "));
  EXPECT_THAT(weigh_parked(keys.due, 0, 500, static_cast<int>(small.size())),
              StartsWith("[2, " + std::to_string(small.size()) + ", 1, "));
  EXPECT_THAT(weigh_parked(keys.due, 2, 500, 500), StartsWith("[4, "));
  command({"HDEL", keys.parked, name_of(small)});
  EXPECT_THAT(weigh_parked(keys.due, 0, 1, 500, "1"), HasSubstr("[" + name_of(small) + ", 0, 0]"));
  command({"HSET", keys.parked, name_of(small), "nonsense"});
  EXPECT_EQ(weigh_parked(keys.due, 0, 1, 500), "[0, 8, 1, []]") << "it was read";
  command({"HSET", keys.parked, name_of(small), small});
}

TEST_F(OperateFunctionTest, RemovesWhatWasSeenAndIsThereStill) {
  const Leased leased = lease_one("w", 1);
  const std::string waiting = envelope(2), delayed = envelope(3);
  enqueue({{waiting}, {delayed, Priority::low, 60'000}});
  const std::string letter = let_one_die(Priority::high);
  const std::string entry = std::string(
      connection->call({"XREVRANGE", keys.ready[1], "+", "-", "COUNT", "1"})->root()[0][0].text);
  const auto bytes = [](const std::string& envelope) { return std::to_string(envelope.size()); };
  const std::vector<std::string> all{"1",    entry,
                                     "2",    bytes(waiting),
                                     "1",    leased.entry_id,
                                     "1",    bytes(leased.bytes),
                                     "due",  name_of(delayed, Priority::low),
                                     "3",    bytes(delayed),
                                     "dead", name_of(letter, Priority::high),
                                     "1",    bytes(letter)};
  std::vector<std::string> changed = all;
  changed[11] = "1";
  changed[15] = "1";
  changed[1] = "5-5";
  EXPECT_EQ(remove(changed), "[0, 0]") << "gone, leased, other bytes by now";
  EXPECT_EQ(remove(all), "[6, 3]");
  EXPECT_EQ(remove(all), "[0, 0]");
  EXPECT_EQ(remove({}), "[0, 0]");
  const Books b = books();
  EXPECT_EQ(b.cancelled, 6);
  EXPECT_EQ(b.dead + b.delayed, 0);
  EXPECT_EQ(done("w", {leased}), "[OK, 1]");
}

TEST_F(OperateFunctionTest, RemovesTheMarksOfAReleasedEnvelopeToo) {
  const Leased leased = lease_one("w", 3);
  settle("w", leased, {1});
  release("w", {leased});
  const auto found = connection->call({"XRANGE", keys.ready[1], "-", "+"});
  EXPECT_EQ(remove({"1", std::string(found->root()[0][0].text), "2",
                    std::to_string(leased.bytes.size())}),
            "[2, 1]");
  EXPECT_EQ(command({"EXISTS", keys.progress}), "0");
}

TEST_F(OperateFunctionTest, ComparesEntryIdsOfAnyLength) {
  command({"XGROUP", "CREATE", keys.ready[1], group_name, "9007199254740993-2", "MKSTREAM"});
  for (const std::string id :
       {"9007199254740993-1", "9007199254740993-2", "9-9", "1-18446744073"}) {
    command({"XADD", keys.ready[1], "99-*", "e", "x"});
    EXPECT_EQ(remove({"1", id, "0", "0"}), "[0, 0]") << id;
  }
  for (const std::string id : {"9007199254740993-3", "9007199254740994-0", "10000000000000000-0"}) {
    command({"XADD", keys.ready[1], id, "e", "x"});
    EXPECT_EQ(remove({"1", id, "0", "0"}), "[0, 1]") << id;
  }
  command({"DEL", keys.ready[1]});
}

TEST_F(OperateFunctionTest, RefusesAWrongRemovalBeforeItChangesAnything) {
  const std::string letter = let_one_die();
  const std::vector<std::string> good{"dead", name_of(letter), "1", std::to_string(letter.size())};
  const auto before = snapshot();
  for (const std::vector<std::string>& bad :
       std::vector<std::vector<std::string>>{{"dead"},
                                             {"3", "1-1", "1", "1"},
                                             {"parked", "x", "1", "1"},
                                             {"1", "x", "1", "1"},
                                             {"dead", "x", "1001", "1"},
                                             {"dead", "x", "-1", "1"},
                                             {"dead", "x", "1", "1.5"},
                                             {"dead", "x", "nan", "1"},
                                             {"dead", "x", "1", "1e300"}}) {
    std::vector<std::string> arguments = good;
    arguments.insert(arguments.end(), bad.begin(), bad.end());
    EXPECT_THAT(remove(arguments), StartsWith("error FERRYBAD")) << testing::PrintToString(bad);
  }
  std::vector<std::string> many;
  for (int i = 0; i < 500; ++i)
    many.insert(many.end(), {"dead", "x" + std::to_string(i), "1", "1"});
  EXPECT_EQ(remove(many), "[0, 0]");
  many.insert(many.end(), {"dead", "x", "1", "1"});
  EXPECT_THAT(remove(many), StartsWith("error FERRYBAD"));
  EXPECT_EQ(snapshot(), before);
}

// Each function with each key that it needs and that holds something else.
TEST_F(OperateFunctionTest, ChangesNothingWhereAKeyHoldsSomethingElse) {
  const std::string letter = let_one_die();
  enqueue({{envelope(2)}});
  const std::string entry = std::string(
      connection->call({"XRANGE", keys.ready[1], "-", "+", "COUNT", "1"})->root()[0][0].text);
  // Where other keys are wrong, there is no reason not to do what was asked for.
  const std::set<std::string> of_remove{keys.state, keys.parked, keys.dead, keys.progress,
                                        keys.ready[1]};
  const std::set<std::string> of_retry{keys.state, keys.parked, keys.dead, keys.ready[1]};
  for (const std::string& key : all_keys()) {
    const std::string kept = key + ".kept";
    const bool was_there = command({"EXISTS", key}) == "1";
    if (was_there) command({"RENAME", key, kept});
    command({"SET", key, "something else"});
    const auto before = snapshot();
    if (of_remove.contains(key)) {
      EXPECT_THAT(remove({"dead", name_of(letter), "1", std::to_string(letter.size()), "1", entry,
                          "2", "1"}),
                  StartsWith("error "))
          << key;
    }
    if (of_retry.contains(key)) {
      EXPECT_THAT(transact(letter, letter), StartsWith("[error ")) << key;
    }
    EXPECT_THAT(forget(), testing::AnyOf(StartsWith("error "), StartsWith("[USED, "))) << key;
    EXPECT_EQ(snapshot(), before) << key;
    command({"DEL", key});
    if (was_there) command({"RENAME", kept, key});
  }
}

TEST_F(OperateFunctionTest, ChangesNothingWhereACounterIsNone) {
  const std::string letter = let_one_die();
  for (const char* field : {"dead", "bytes", "cancelled", "delayed"}) {
    for (const char* value : {"abc", "1.5", "9223372036854775807", "1e3"}) {
      command({"HSET", keys.state, field, value});
      const auto before = snapshot();
      EXPECT_THAT(remove({"dead", name_of(letter), "1", std::to_string(letter.size())}),
                  StartsWith("error FERRYBAD"))
          << field << value;
      if (std::string_view(field) == "dead" || std::string_view(field) == "bytes") {
        EXPECT_THAT(transact(letter, letter), StartsWith("[error FERRYBAD")) << field << value;
      }
      EXPECT_EQ(snapshot(), before) << field << value;
    }
    command({"HDEL", keys.state, field});
  }
  command({"HSET", keys.state, "dead", "1"});
}

TEST_F(OperateFunctionTest, PutsALargeLetterBackWithoutReadingIt) {
  const std::string letter = let_one_die(Priority::low);
  EXPECT_THAT(transact(letter, letter, Priority::low),
              AllOf(StartsWith("[OK, "), HasSubstr(", 1]")));
  EXPECT_EQ(books().dead, 0);
  EXPECT_EQ(books().ready, 1);
  EXPECT_EQ(fetch("w", 10, Priority::low).at(0).bytes, letter);
}

TEST_F(OperateFunctionTest, KeepsTheGateShutForALetterThatIsGoneOrHasChanged) {
  const std::string letter = let_one_die();
  const auto before = snapshot();
  EXPECT_EQ(transact(letter, letter, Priority::normal, "7"),
            "[GONE, nil, error ERR no such key, 0]");
  EXPECT_EQ(transact(envelope(1), letter), "[GONE, nil, error ERR no such key, 0]");
  EXPECT_EQ(snapshot(), before);
  command({"XADD", keys.gate_of("test"), "*", "e", "left over"});
  EXPECT_THAT(transact(letter, letter), StartsWith("[error FERRYBAD the key "));
  command({"DEL", keys.gate_of("test")});
  EXPECT_EQ(books().dead, 1);
}

// A stream at its last id takes nothing any more: the letter must not be lost for that.
TEST_F(OperateFunctionTest, KeepsALetterWhoseStreamTakesNothing) {
  const std::string letter = let_one_die();
  command({"XADD", keys.ready[1], last_id, "e", "x"});
  command({"XDEL", keys.ready[1], last_id});
  const auto before = snapshot();
  EXPECT_THAT(transact(letter, letter),
              AllOf(StartsWith("[OK, error ERR The stream has exhausted"), HasSubstr(", 0]")));
  EXPECT_EQ(snapshot(), before);
}

TEST_F(OperateFunctionTest, ForgetsAnEmptyQueueAndOnlyThat) {
  const Leased leased = lease_one("w", 1);
  EXPECT_THAT(forget(60'000), "[USED, 1, 0, 0, 0, 1]");
  done("w", {leased});
  EXPECT_EQ(forget(60'000), "[USED, 0, 0, 0, 0, 1]") << "the worker lives";
  fcall("pause", {keys.control}, {"1"});
  const std::string letter = let_one_die();
  enqueue({{envelope(), Priority::normal, 60'000}});
  fcall("leave", with_streams({keys.control, keys.workers}), {"w"});
  EXPECT_EQ(forget(), "[USED, 0, 1, 1, 2, 0]");
  fcall("purge", with_streams({keys.state, keys.due, keys.parked, keys.progress}), {"500"});
  fcall("dead_drop", {keys.state, keys.dead, keys.parked}, {name_of(letter)});
  command({"HSET", keys.parked, "orphan", "x"});
  EXPECT_EQ(forget(), "[USED, 0, 0, 0, 1, 0]");
  command({"HDEL", keys.parked, "orphan"});
  EXPECT_THAT(forget(), "[OK, 5, 1]") << "state, control and three streams; the producer is known";
  EXPECT_EQ(show(connection->call({"KEYS", keys.base + "*"})->root()), "[" + keys.producers + "]");
  command({"DEL", keys.producers});
  EXPECT_EQ(forget(), "[OK, 0, 0]");
}

TEST_F(OperateFunctionTest, AProducerGoesOnWhereItsQueueWasForgotten) {
  const Leased leased = lease_one("w", 1);
  done("w", {leased});
  fcall("leave", with_streams({keys.control, keys.workers}), {"w"});
  ASSERT_THAT(forget(), StartsWith("[OK, "));
  enqueue({{envelope(2)}});  // the next sequence, and no GAP
  EXPECT_EQ(books().accepted, 2);
}

TEST_F(OperateFunctionTest, CountsAWorkerAsLivingByItsHeartbeat) {
  register_worker("w");
  const std::string beat = std::string(connection->call({"HGET", keys.workers, "w"})->root().text);
  command({"HSET", keys.workers, "w", "1000"});
  command({"HSET", keys.workers, "nonsense", "x"});
  EXPECT_THAT(forget(60'000), StartsWith("[OK, "));
  command({"HSET", keys.workers, "from the future", "99999999999999"});
  EXPECT_EQ(forget(60'000), "[USED, 0, 0, 0, 0, 1]");
  command({"DEL", keys.workers});
}

TEST_F(OperateFunctionTest, WorksOnAFullRedis) {
  const std::string letter = let_one_die();
  command({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(books_reply()->root()[5].integer, 1);
  EXPECT_THAT(weigh("-", "+", 1, 1), StartsWith("[0, "));
  EXPECT_THAT(weigh_parked(keys.dead, 0, 1, 1000), StartsWith("[1, "));
  EXPECT_EQ(remove({"dead", name_of(letter), "1", std::to_string(letter.size())}), "[1, 1]");
  fcall("leave", with_streams({keys.control, keys.workers}), {"w"});
  EXPECT_THAT(forget(), StartsWith("[OK, "));
  command({"CONFIG", "SET", "maxmemory", "0"});
}

TEST_F(OperateFunctionTest, LooksWithoutWriting) {
  auto all =
      with_streams({keys.state, keys.workers, keys.progress, keys.due, keys.parked, keys.dead});
  all.insert(all.end(), {keys.control, keys.producers});
  const std::vector<std::pair<std::string, std::vector<std::string>>> looks{
      {"books", all},
      {"weigh", {keys.progress, keys.ready[1], "-", "+", "1", "1", "1"}},
      {"weigh_parked", {keys.due, keys.parked, "0", "1", "1", "1"}}};
  for (const auto& [name, arguments] : looks) {
    const std::string function = "ferry_v1_" + name;
    const std::string count = name == "books" ? "11" : "2";
    std::vector<std::string_view> words{"FCALL_RO", function, count};
    words.insert(words.end(), arguments.begin(), arguments.end());
    if (name == "books") words.emplace_back("1");
    const redis::ReplyPtr reply = connection->command(words);
    EXPECT_FALSE(reply->root().is_error()) << name << ": " << show(reply->root());
  }
}

// A group that may not be looked at makes leased jobs look as if they waited.
TEST_F(OperateFunctionTest, NamesAStreamOrKeyThatTheCallerMayNotRead) {
  lease_one("w", 1);
  enqueue({{envelope()}});
  const auto as_someone = [&](const std::string& withdrawn, const std::string& key) {
    const std::string base = "%R~" + keys.base + "*";
    connection->call({"ACL", "SETUSER", "someone", "reset", "on", "nopass", "+fcall_ro", "+time",
                      "+client|setname", "+@read", base, "-" + withdrawn});
    redis::Connection other({.url = "unix://someone:any@" + server().socket_path()});
    auto all =
        with_streams({keys.state, keys.workers, keys.progress, keys.due, keys.parked, keys.dead});
    all.insert(all.end(), {keys.control, keys.producers});
    std::vector<std::string_view> words{"FCALL_RO", "ferry_v1_books", "11"};
    words.insert(words.end(), all.begin(), all.end());
    words.emplace_back("1000000");
    const std::string wrong = show(other.command(words)->root()[18]);
    EXPECT_THAT(
        wrong, AllOf(HasSubstr(key + ", ERR The user executing the script"), Not(HasSubstr("nil"))))
        << withdrawn << wrong;
  };
  as_someone("xpending", keys.ready[1]);
  as_someone("xinfo|groups", keys.ready[1]);
  as_someone("xrange", keys.ready[1]);
  as_someone("xlen", keys.ready[0]);
  as_someone("hlen", keys.progress);
  as_someone("hget", keys.control);
  connection->call({"ACL", "DELUSER", "someone"});
}

TEST_F(OperateFunctionTest, RunsTheCommandsOfItsBudgets) {
  const Budgets budgets;
  connection->call({"CONFIG", "SET", "slowlog-log-slower-than", "0"});
  connection->call({"CONFIG", "SET", "slowlog-max-len", "10000"});
  const std::string letter = let_one_die();
  const std::string other = let_one_die();
  enqueue({{envelope(2)}});
  ServerMeter server(options());
  server.start();
  books_reply();
  weigh("-", "+", 1, 100);
  weigh_parked(keys.dead, 0, 1, 1000);
  transact(letter, letter);
  remove({"dead", name_of(other), "1", std::to_string(other.size())});
  fcall("purge", with_streams({keys.state, keys.due, keys.parked, keys.progress}), {"500"});
  fcall("leave", with_streams({keys.control, keys.workers}), {"w"});
  forget();
  std::size_t seen = 0;
  for (const Traced& call : server.trace()) {
    if (call.size < 2 || call.words[0] != "FCALL" || !budgets.knows(call.words[1])) continue;
    if (call.is_call_of("ferry_v1_leave")) continue;
    ++seen;
    EXPECT_THAT(call.inside, testing::ElementsAreArray(budgets.commands_of(call.words[1])))
        << call.words[1];
  }
  EXPECT_EQ(seen, 7U);
  connection->call({"CONFIG", "SET", "slowlog-log-slower-than", "10000"});
}

}  // namespace
}  // namespace ferry::test
