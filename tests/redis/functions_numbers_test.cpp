// Every number that a function is told is whole and within its bounds, or the call is refused with
// a sentence that names it, before anything is written.

#include <gmock/gmock.h>

#include "support/function_rows.hpp"
#include "support/queue_snapshot.hpp"

namespace ferry::test {

void PrintTo(const FunctionRows::Row& row, std::ostream* out) { *out << row.name; }

namespace {

/// One number of a call: which argument it is, from 1; what the refusal calls it; its bounds.
struct ToldNumber {
  std::string_view row;
  std::size_t argument;
  std::string_view called;
  std::string_view below;  ///< empty: 0 is in bounds
  std::string_view above;
};

constexpr std::string_view beyond_53_bits = "9007199254740992";
constexpr std::string_view beyond_366_days = "31622400001";
constexpr std::string_view beyond_an_envelope = "16777217";

constexpr ToldNumber numbers[] = {
    {"enqueue_one", 2, "the sequence", "", beyond_53_bits},
    {"enqueue_one", 3, "max jobs", "", beyond_53_bits},
    {"enqueue_one", 4, "max bytes", "", beyond_53_bits},
    {"enqueue_one", 5, "max age", "", beyond_53_bits},
    {"enqueue_one", 6, "the index of a stream", "4", "8"},
    {"enqueue_one", 7, "the delay of envelope 1", "", beyond_366_days},
    {"enqueue_delayed", 11, "the delay of envelope 2", "", beyond_366_days},
    {"open", 2, "the sequence", "", beyond_53_bits},
    {"open", 5, "max age", "", beyond_53_bits},
    {"open", 6, "the number of jobs", "0", "1000001"},
    {"open", 7, "the number of bytes", "", "16777216001"},
    {"reclaim", 2, "the lease", "0", "86400001"},
    {"reclaim", 3, "the number of envelopes", "0", "201"},
    {"start", 3, "has no job with this index", "0", "1001"},
    {"start", 4, "has no job with this index", "", "3"},
    {"finish_one", 2, "the number of jobs", "", "1001"},
    {"finish_one", 3, "the number of bytes", "", beyond_an_envelope},
    {"finish_four", 2, "the number of jobs", "", "4001"},
    {"finish_four", 3, "the number of bytes", "", "67108865"},
    {"done", 3, "the number of jobs", "", "1001"},
    {"done", 7, "the number of bytes", "", beyond_an_envelope},
    {"settle_some", 3, "the number of jobs", "0", "1001"},
    {"settle_some", 4, "the number of bytes", "", beyond_an_envelope},
    {"settle_every_verb", 7, "no job has the index", "", "9"},
    {"settle_every_verb", 9, "the delay of envelope 1", "", beyond_366_days},
    {"settle_every_verb", 17, "the delay of envelope 3", "", beyond_366_days},
    {"bury", 3, "the number of bytes", "", beyond_53_bits},
    {"expire_producers", 1, "the cursor", "", "18446744073709551616"},
    {"expire_producers", 2, "the time", "", beyond_366_days},
    {"purge", 1, "the number of entries", "0", "501"},
    {"count_range", 3, "the number of entries", "0", "501"},
    {"count_parked", 1, "the rank", "", "9007199254740492"},
    {"count_parked", 2, "the number of entries", "0", "501"},
};

/// How many elements a call may name: arguments before them, arguments for each, at most so many.
struct ToldElements {
  std::string_view row;
  std::size_t before;
  std::size_t each;
  std::size_t most;
};

constexpr ToldElements elements[] = {
    {"enqueue_one", 5, 4, 1000}, {"put_off", 1, 1, 100}, {"start", 1, 3, 1000},
    {"done", 1, 3, 300},         {"release", 1, 1, 100}, {"dead_retry", 0, 2, 200},
    {"dead_drop", 0, 1, 500},
};

class NumbersTest : public FunctionRows {
 protected:
  FunctionCall prepare(std::string_view row) {
    empty_queue();
    const auto found = std::ranges::find(rows(), row, &Row::name);
    return (this->*found->prepare)();
  }

  std::string answer_to(const FunctionCall& call) {
    return fcall(call.function, call.keys, call.arguments);
  }

  void expect_refused(const FunctionCall& call, std::string_view called, const std::string& told) {
    const QueueSnapshot before(*connection, keys);
    const std::string reply = answer_to(call);
    EXPECT_TRUE(reply.starts_with("error FERRYBAD ") && reply.find(called) != reply.npos &&
                reply.ends_with("; nothing was changed"))
        << call.function << " with '" << told << "': " << reply;
    EXPECT_EQ(before.changes_to(QueueSnapshot(*connection, keys)), "") << call.function;
  }

  void TearDown() override {
    if (connection) empty_queue();
  }
};

TEST_F(NumbersTest, AreRefusedByNameWhenTheyAreNotWholeOrOutOfBounds) {
  for (const ToldNumber& number : numbers) {
    FunctionCall call = prepare(number.row);
    for (const std::string_view wrong :
         {std::string_view(""), std::string_view("x"), std::string_view("-1"),
          std::string_view("1.5"), std::string_view("nan"), std::string_view("inf"),
          std::string_view("-inf"), std::string_view("1e400"),
          std::string_view("99999999999999999999"), number.below, number.above}) {
      call.arguments[number.argument - 1] = wrong;
      expect_refused(call, number.called, std::string(wrong));
    }
  }
}

TEST_F(NumbersTest, AreTakenUpToTheirBounds) {
  for (const ToldNumber& number : numbers) {
    // The largest of these is refused for what else it says, or asks for more than there is.
    if (number.row == "start" || number.row == "settle_some") continue;
    FunctionCall call = prepare(number.row);
    std::string& told = call.arguments[number.argument - 1];
    told = std::to_string(std::stoull(std::string(number.above.substr(0, 19))) - 1);
    if (number.above.size() == 20) told = "18446744073709551615";
    const std::string reply = answer_to(call);
    EXPECT_FALSE(reply.starts_with("error")) << call.function << " with " << told << ": " << reply;
  }
}

TEST_F(NumbersTest, ACallNamesAtMostSoManyElements) {
  for (const ToldElements& element : elements) {
    FunctionCall call = prepare(element.row);
    const auto one = std::vector<std::string>(
        call.arguments.begin() + static_cast<std::ptrdiff_t>(element.before),
        call.arguments.begin() + static_cast<std::ptrdiff_t>(element.before + element.each));
    call.arguments.resize(element.before);
    for (std::size_t i = 0; i <= element.most; ++i) {
      call.arguments.insert(call.arguments.end(), one.begin(), one.end());
    }
    expect_refused(call, std::to_string(element.most), "one too many");
    if (element.row == "release") {
      EXPECT_EQ(answer_to(call),
                "error FERRYBAD the call names 101 entries, at most 100; nothing was changed");
    }
    call.arguments.resize(call.arguments.size() - element.each);
    const std::string reply = answer_to(call);
    EXPECT_FALSE(reply.starts_with("error")) << call.function << ": " << reply;
  }
}

TEST_F(NumbersTest, AnEntryIdIsTwoNumbersOf64Bits) {
  for (const std::string_view row : {"settle_some", "bury", "put_off", "release"}) {
    FunctionCall call = prepare(row);
    for (const char* id :
         {"", "1", "1-", "-1", "1-1-1", "x-1", "99999999999999999999-1", "1-18446744073709551616",
          "123456789012345678901-1", "00000000000000000001-000000000000000000001"}) {
      call.arguments[1] = id;
      expect_refused(call, "entry id", id);
    }
    for (const char* id : {"0-0", "18446744073709551615-18446744073709551615",
                           "18446744073709551614-1", "1-10000000000000000000"}) {
      call.arguments[1] = id;
      const std::string reply = answer_to(call);
      EXPECT_FALSE(reply.starts_with("error")) << row << " " << id << ": " << reply;
    }
  }
}

// A sequence is stored as it is told, so it has one spelling.
TEST_F(NumbersTest, ASequenceIsWrittenInDigits) {
  FunctionCall call = prepare("enqueue_one");
  for (const char* spelling : {"0x7", "7e0", " 7", "7 ", "+7", "7.0"}) {
    call.arguments[1] = spelling;
    expect_refused(call, "the sequence", spelling);
  }
}

TEST_F(NumbersTest, WhatRedisIsToAddIsWrittenInDigits) {
  FunctionCall call = prepare("finish_one");
  for (const std::size_t argument : {1U, 2U}) {
    const std::string right = call.arguments[argument];
    for (const char* spelling : {"0x2", "2e0", " 2", "02", "2.0"}) {
      call.arguments[argument] = spelling;
      expect_refused(call, "a number is not written as Redis writes it", spelling);
    }
    call.arguments[argument] = right;
  }
}

TEST_F(NumbersTest, ALargeSequenceKeepsItsDigitsWhenACallIsRepeated) {
  const FunctionCall call = prepare("enqueue_one");
  for (const char* last : {"99999999999999", "100000000000000", "9007199254740990"}) {
    command({"HSET", keys.producers, "producer", std::string(last) + ":1"});
    FunctionCall again = call;
    again.arguments[1] = last;
    EXPECT_TRUE(answer_to(again).starts_with("[DUP")) << last;
    EXPECT_TRUE(command({"HGET", keys.producers, "producer"}).starts_with(std::string(last) + ":"));
  }
}

// As many marks as a call says would be gigabytes.
TEST_F(NumbersTest, AnEnvelopeOfATrillionJobsTakesNoMemory) {
  FunctionCall call = prepare("start");
  call.arguments[2] = "1000000000000";
  expect_refused(call, "has no job with this index", call.arguments[2]);
}

TEST_F(NumbersTest, CountersThatAreNoNumbersAreTold) {
  for (const std::string_view value :
       {"abc", "1e400", "nan", "1.5", "9007199254740993", "-9007199254740993"}) {
    for (const std::string_view row : {"enqueue_one", "open", "counts"}) {
      const FunctionCall call = prepare(row);
      command({"HSET", keys.state, "accepted", value});
      EXPECT_EQ(answer_to(call), "error FERRYBROKEN the counter accepted of " + keys.state +
                                     " is no whole number below 2^53; nothing was changed")
          << row << " " << value;
    }
    if (value.find("9007199254740993") != value.npos) continue;  // Redis counts on from there
    const FunctionCall call = prepare("finish_one");
    command({"HSET", keys.state, "done", value});
    EXPECT_EQ(answer_to(call), "error FERRYBROKEN the counter done of " + keys.state +
                                   " is no whole number, or would pass 2^53; nothing was changed");
  }
}

TEST_F(NumbersTest, CountersThatCannotBeAddedUpAreTold) {
  for (const std::string_view row : {"enqueue_one", "open", "counts"}) {
    const FunctionCall call = prepare(row);
    command({"HSET", keys.state, "accepted", "9007199254740991", "done", "-9007199254740991"});
    EXPECT_EQ(answer_to(call), "error FERRYBROKEN the counters of " + keys.state +
                                   " are too large to be added up; nothing was changed");
  }
}

TEST_F(NumbersTest, ACounterIsRefusedWhereItWouldPass53Bits) {
  for (const std::string_view row : {"enqueue_one", "enqueue_delayed", "open"}) {
    const FunctionCall call = prepare(row);
    command({"HSET", keys.state, "accepted", "9007199254740990", "done", "9007199254740980"});
    EXPECT_EQ(answer_to(call), "error FERRYBROKEN a counter of " + keys.state +
                                   " would pass 2^53; nothing was changed");
  }
  const FunctionCall call = prepare("finish_one");
  for (const std::string_view most : {"9007199254740991", "9223372036854775807"}) {
    command({"HSET", keys.state, "done", most});
    EXPECT_TRUE(answer_to(call).starts_with("error FERRYBROKEN the counter done "));
    EXPECT_EQ(command({"HGET", keys.state, "done"}), most);
  }
}

TEST_F(NumbersTest, EachCounterMayReachButNotPass53Bits) {
  constexpr std::int64_t most = 9007199254740991;
  for (const std::string_view counter : {"accepted", "bytes", "delayed"}) {
    for (const std::int64_t beyond : {0, 1}) {
      const FunctionCall call = prepare("enqueue_delayed");
      const std::string sizes[] = {call.arguments[8], call.arguments[12]};
      const auto bytes = static_cast<std::int64_t>(sizes[0].size() + sizes[1].size());
      const std::int64_t value = most - (counter == "bytes" ? bytes : 3) + beyond;
      command({"DEL", keys.state});
      command({"HSET", keys.state, counter, std::to_string(value)});
      // What waits is a difference, which has to be exact as well.
      const std::string done = std::to_string(counter == "accepted" ? value : -value);
      if (counter != "bytes") command({"HSET", keys.state, "done", done});
      EXPECT_EQ(answer_to(call).starts_with("[OK"), beyond == 0) << counter;
    }
  }
}

TEST_F(NumbersTest, ANegativeCounterStopsNothing) {
  for (const std::string_view row : {"enqueue_one", "finish_one", "purge", "counts"}) {
    const FunctionCall call = prepare(row);
    command({"HSET", keys.state, "bytes", "-5", "cancelled", "-7"});
    EXPECT_FALSE(answer_to(call).starts_with("error")) << row;
  }
}

TEST_F(NumbersTest, AProducerWhoseSequenceIsNoNumberIsToldSoUntilItIsForgotten) {
  const FunctionCall call = prepare("enqueue_one");
  for (const std::string_view value : {"", "abc", ":5", "99999999999999999999:1"}) {
    command({"HSET", keys.producers, "producer", value});
    EXPECT_EQ(answer_to(call), "error FERRYBROKEN what " + keys.producers +
                                   " holds of this producer is no sequence; nothing was changed")
        << value;
  }
  command({"HSET", keys.producers, "producer", "abc"});
  EXPECT_EQ(fcall("expire_producers", {keys.producers}, {"0", "3600000"}), "[0, 1]");
  EXPECT_EQ(answer_to(call), "[GAP, 0]");
}

}  // namespace
}  // namespace ferry::test
