// books.lua, and the budgets of all functions for operators.

#include "support/counting_budgets.hpp"
#include "support/counting_redis.hpp"
#include "support/operate_test.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using BooksFunctionTest = OperateTest;

TEST_F(BooksFunctionTest, TellsTheBooksAsCountsDoes) {
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

TEST_F(BooksFunctionTest, ReadsNoLargeEnvelopeForItsAge) {
  enqueue({{envelope()}});
  EXPECT_EQ(books_reply("10")->root()[14].integer, -1);
  EXPECT_GE(books_reply("1000")->root()[14].integer, 0);
  register_worker("w");
  fetch("w");
  EXPECT_EQ(books_reply("10")->root()[14].integer, 0) << "nothing waits";
}

TEST_F(BooksFunctionTest, NamesEachKeyThatHoldsSomethingElseAndTellsTheRest) {
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

TEST_F(BooksFunctionTest, TellsACounterThatIsNone) {
  enqueue({{envelope(2)}});
  for (const std::string_view value : {"abc", "1e400", "nan", "1.5", "", "9007199254740993"}) {
    command({"HSET", keys.state, "done", value});
    EXPECT_THAT(wrong_keys(), StartsWith("[" + keys.state + ", done is \"")) << value;
  }
  command({"HSET", keys.state, "done", "-3"});
  EXPECT_EQ(wrong_keys(), "[]") << "wrong, but a number: the audit tells";
  command({"HSET", keys.state, "done", "0"});
}

TEST_F(BooksFunctionTest, WeighsAStreamByBytesHoweverManyEntriesThereAre) {
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

TEST_F(BooksFunctionTest, WeighsForeignEntriesAndTheLastIdThatThereIs) {
  enqueue({{envelope(2)}});
  command({"XADD", keys.ready[1], "*", "e", "nonsense"});
  command({"XADD", keys.ready[1], last_id, "e", "at the end", "f", std::string(500, 'x')});
  EXPECT_THAT(weigh("-", "+", 500, 1'000'000, "1"),
              AllOf(StartsWith("[2, "), HasSubstr(", , 3, 512, ["),
                    HasSubstr(std::string(last_id) + ", 0, 0]")));
  EXPECT_THAT(show(books_reply()->root()[18]), "[]");
  command({"DEL", keys.ready[1], keys.state});
}

TEST_F(BooksFunctionTest, WeighsWhatIsParkedAndReadsNothingLarge) {
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

TEST_F(BooksFunctionTest, LooksWithoutWriting) {
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
TEST_F(BooksFunctionTest, NamesAStreamOrKeyThatTheCallerMayNotRead) {
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

TEST_F(BooksFunctionTest, RunsTheCommandsOfItsBudgets) {
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
