#include "support/functions_test.hpp"

namespace ferry::test {
namespace {

using testing::Test;

class EnqueueFunctionTest : public FunctionsTest {
 protected:
  void expect_nothing_stored() {
    EXPECT_EQ(command({"EXISTS", keys.ready[0], keys.ready[1], keys.ready[2], keys.due, keys.parked,
                       keys.state, keys.producers}),
              "0");
  }

  /// The reply's first words, without the age, which the clock decides.
  static std::string without_age(const std::string& reply) {
    return reply.substr(0, reply.rfind(", "));
  }
};

TEST_F(EnqueueFunctionTest, StoresEnvelopesInTheirStreamsInOrder) {
  const std::string first = envelope(2);
  const std::string second = envelope(3);
  const std::string urgent = envelope(1);
  const std::string reply = enqueue_at(1, {{first}, {second}, {urgent, Priority::high}});
  const auto bytes = first.size() + second.size() + urgent.size();
  EXPECT_EQ(without_age(reply), "[OK, 6, " + std::to_string(bytes));
  register_worker("w");
  const auto normal = fetch("w");
  ASSERT_EQ(normal.size(), 2u);
  EXPECT_EQ(normal[0].bytes, first);
  EXPECT_EQ(normal[1].bytes, second);
  EXPECT_EQ(fetch("w", 10, Priority::high).at(0).bytes, urgent);
  EXPECT_TRUE(fetch("w", 10, Priority::low).empty());
}

TEST_F(EnqueueFunctionTest, StoresARepeatedSequenceOnce) {
  const std::string bytes = envelope(4);
  enqueue_at(1, {{bytes}});
  const std::string reply = enqueue_at(1, {{bytes}});
  EXPECT_EQ(without_age(reply), "[DUP, 4, " + std::to_string(bytes.size()));
  EXPECT_EQ(books().accepted, 4);
  EXPECT_EQ(books().envelopes, 1);
}

TEST_F(EnqueueFunctionTest, KnowsAnOlderSequenceToo) {
  for (int sequence = 1; sequence <= 3; ++sequence) enqueue_at(sequence, {{envelope()}});
  EXPECT_TRUE(enqueue_at(1, {{envelope()}}).starts_with("[DUP, 3, "));
}

TEST_F(EnqueueFunctionTest, TellsOfAGapAndStoresNothing) {
  enqueue_at(1, {{envelope()}});
  EXPECT_EQ(enqueue_at(3, {{envelope()}}), "[GAP, 1]");
  EXPECT_EQ(enqueue_at(2, {{envelope()}}, {}, "another"), "[GAP, 0]");
  EXPECT_EQ(books().accepted, 1);
}

TEST_F(EnqueueFunctionTest, CountsEachProducerByItself) {
  EXPECT_TRUE(enqueue_at(1, {{envelope()}}, {}, "a").starts_with("[OK"));
  EXPECT_TRUE(enqueue_at(1, {{envelope()}}, {}, "b").starts_with("[OK"));
  EXPECT_TRUE(enqueue_at(2, {{envelope()}}, {}, "a").starts_with("[OK"));
  EXPECT_EQ(books().accepted, 3);
}

TEST_F(EnqueueFunctionTest, IsFullByJobsAndUsesNoSequenceUp) {
  EXPECT_TRUE(enqueue_at(1, {{envelope(3)}}, {.jobs = 5}).starts_with("[OK, 3"));
  EXPECT_TRUE(enqueue_at(2, {{envelope(3)}}, {.jobs = 5}).starts_with("[FULL, 3, "));
  EXPECT_TRUE(enqueue_at(2, {{envelope(2)}}, {.jobs = 5}).starts_with("[OK, 5, "));
  EXPECT_EQ(books().accepted, 5);
}

TEST_F(EnqueueFunctionTest, CountsDelayedJobsAgainstTheBound) {
  enqueue_at(1, {{envelope(5), Priority::normal, 60'000}}, {.jobs = 5});
  EXPECT_TRUE(enqueue_at(2, {{envelope()}}, {.jobs = 5}).starts_with("[FULL, 5, "));
}

TEST_F(EnqueueFunctionTest, IsFullByBytes) {
  const std::string bytes = envelope(1, std::string(100, 'x'));
  const Bounds bounds{.bytes = static_cast<std::int64_t>(bytes.size())};
  EXPECT_TRUE(enqueue_at(1, {{bytes}}, bounds).starts_with("[OK"));
  EXPECT_TRUE(enqueue_at(2, {{envelope()}}, bounds).starts_with("[FULL, 1, "));
}

TEST_F(EnqueueFunctionTest, IsFullWhileTheOldestWaitingJobIsTooOld) {
  enqueue_at(1, {{envelope()}});
  std::string reply;
  std::int64_t sequence = 2;
  ASSERT_TRUE(eventually([&] {
    reply = enqueue_at(sequence, {{envelope()}}, {.age_ms = 5});
    if (reply.starts_with("[OK")) ++sequence;
    return reply.starts_with("[FULL");
  })) << reply;
  // Once a worker has taken all that waited, nothing is old any more.
  register_worker("w");
  fetch("w", 1000);
  EXPECT_TRUE(enqueue_at(sequence, {{envelope()}}, {.age_ms = 5}).starts_with("[OK"));
}

TEST_F(EnqueueFunctionTest, TellsWhenToComeBack) {
  enqueue_at(1, {{envelope()}});
  const redis::ReplyPtr reply = fcall_reply(
      "enqueue", enqueue_keys(), {"producer", "2", "1", "0", "0", "6", "0", "1", envelope()});
  ASSERT_EQ(reply->root().size, 5u);
  EXPECT_EQ(reply->root()[4].integer, 1000) << "nothing was settled yet: a second is the guess";
}

TEST_F(EnqueueFunctionTest, ParksDelayedEnvelopes) {
  const std::string bytes = envelope(7);
  EXPECT_TRUE(enqueue_at(1, {{bytes, Priority::low, 60'000}}).starts_with("[OK, 7, "));
  const Books b = books();
  EXPECT_EQ(b.delayed, 7);
  EXPECT_EQ(b.ready, 0);
  EXPECT_EQ(command({"HGET", keys.parked, name_of(bytes, Priority::low)}), bytes);
}

TEST_F(EnqueueFunctionTest, RefusesADelayedEnvelopeWhoseFirstJobIsParkedAlready) {
  const std::string bytes = envelope(2);
  enqueue_at(1, {{bytes, Priority::normal, 60'000}});
  EXPECT_TRUE(enqueue_at(2, {{envelope()}, {bytes, Priority::normal, 5}})
                  .starts_with("error FERRYBAD envelope 2 "));
  const std::string twice = envelope();
  EXPECT_TRUE(
      enqueue_at(2, {{twice, Priority::low, 9}, {twice, Priority::low, 9}}).starts_with("error "));
  EXPECT_EQ(books().accepted, 2);
  EXPECT_TRUE(enqueue_at(2, {{envelope()}}).starts_with("[OK"));
}

TEST_F(EnqueueFunctionTest, RefusesBytesThatAreNoEnvelopeAndStoresNothing) {
  const std::string good = envelope();
  std::string other_version = good;
  other_version[1] = 2;
  std::string no_jobs = good;
  no_jobs[3] = 0;
  const std::string cut = good.substr(0, 10);
  for (const std::string& bytes :
       {std::string("hello"), std::string(), other_version, no_jobs, cut}) {
    EXPECT_EQ(enqueue_at(1, {{good}, {bytes}}),
              "error FERRYBAD envelope 2 is not an envelope of version 1 with 1 to 1000 jobs; "
              "nothing was changed");
  }
  expect_nothing_stored();
}

TEST_F(EnqueueFunctionTest, ReadsTheCountInEveryForm) {
  const std::string tail = "\xc4\x10" + std::string(16, 'i') + "\xc4" + std::string(1, '\0');
  const std::string begin("\x95\x01\x00", 3);
  EXPECT_TRUE(enqueue_at(1, {{begin + "\x7f" + tail}}).starts_with("[OK, 127,"));
  EXPECT_TRUE(enqueue_at(2, {{begin + "\xcc\x80" + tail}}).starts_with("[OK, 255,"));
  EXPECT_TRUE(enqueue_at(3, {{begin + "\xcd\x03\xe8" + tail}}).starts_with("[OK, 1255,"));
  EXPECT_TRUE(enqueue_at(4, {{begin + "\xcd\x03\xe9" + tail}}).starts_with("error FERRYBAD"));
}

TEST_F(EnqueueFunctionTest, RefusesWrongArgumentsBeforeItStoresAnything) {
  const std::string good = envelope();
  const std::vector<std::vector<std::string>> wrong{
      {"p", "1", "0", "0", "0"},                                                  // no envelope
      {"p", "1", "0", "0", "0", "6", "0", "1"},                                   // no bytes
      {"p", "x", "0", "0", "0", "6", "0", "1", good},                             // sequence
      {"p", "1", "0", "-1", "0", "6", "0", "1", good},                            // bound
      {"p", "1", "0", "0", "0", "6", "0", "1", good, "8", "0", "1", envelope()},  // stream
      {"p", "1", "0", "0", "0", "6", "0", "1", good, "6", "-5", "1", envelope()},
      {"p", "1", "0", "0", "0", "6", "0", "1", good, "6", "5", "9", envelope()},
  };
  for (const auto& arguments : wrong) {
    const std::string reply = fcall("enqueue", enqueue_keys(), arguments);
    EXPECT_TRUE(reply.starts_with("error FERRYBAD")) << reply;
  }
  expect_nothing_stored();
}

TEST_F(EnqueueFunctionTest, SaysWhatIsWrong) {
  EXPECT_EQ(fcall("enqueue", enqueue_keys(), {"p", "1", "0", "0", "0", "6", "-5", "1", envelope()}),
            "error FERRYBAD the delay of envelope 1 is '-5', expected a whole number from 0 to "
            "31622400000; nothing was changed");
  EXPECT_EQ(fcall("enqueue", enqueue_keys(), {"p", "1", "0", "0", "0", "6", "0", "9", envelope()}),
            "error FERRYBAD priority 9 is not 0, 1 or 2; nothing was changed");
  EXPECT_EQ(fcall("enqueue", enqueue_keys(), {"p", "1", "0", "0", "9x", "6", "0", "1", envelope()}),
            "error FERRYBAD max age is '9x', expected a whole number from 0 to 9007199254740991; "
            "nothing was changed");
  const std::string twice = envelope();
  EXPECT_EQ(enqueue_at(1, {{twice, Priority::low, 9}, {twice, Priority::low, 9}}),
            "error FERRYBAD envelope 2 begins with a job that is parked already; "
            "nothing was changed");
}

// The age that a reply tells is that of all streams; one that is broken has none.
TEST_F(EnqueueFunctionTest, StoresInOneStreamWhileAnotherIsNone) {
  command({"SET", keys.ready[0], "not a stream"});
  EXPECT_TRUE(enqueue_at(1, {{envelope()}}, {.age_ms = 60'000}).starts_with("[OK, 1, "));
  EXPECT_TRUE(
      enqueue_at(2, {{envelope()}, {envelope(), Priority::high}}).starts_with("error WRONGT"));
  EXPECT_TRUE(enqueue_at(2, {{envelope()}}).starts_with("[OK, 2, ")) << "nothing was used up";
  EXPECT_EQ(command({"XLEN", keys.ready[1]}), "2");
  command({"DEL", keys.ready[0]});
}

TEST_F(EnqueueFunctionTest, TakesOutAgainWhatItStoredBeforeTheLastIdWasUsedUp) {
  register_worker("w");
  command({"XADD", keys.ready[1], "18446744073709551615-18446744073709551613", "e", "x"});
  EXPECT_TRUE(enqueue_at(1, {{envelope()}, {envelope()}, {envelope()}})
                  .starts_with("error ERR The stream has exhausted the last possible ID"));
  EXPECT_EQ(command({"XLEN", keys.ready[1]}), "1");
  EXPECT_EQ(books().accepted, 0);
  EXPECT_EQ(command({"HEXISTS", keys.producers, "producer"}), "0");
  command({"DEL", keys.ready[1]});
}

TEST_F(EnqueueFunctionTest, RefusesNewJobsWhenRedisIsFullAndStillLetsWorkersDrain) {
  const Leased leased = lease_one("w", 1);
  command({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_TRUE(enqueue_at(2, {{envelope()}}).starts_with("error OOM "));
  EXPECT_EQ(renew("w"), "[OK, 0]");
  EXPECT_EQ(settle("w", leased, {}, {}, {{0, "f", 0, one_of(leased.bytes, 0)}}), "[OK, 1, 1]");
  EXPECT_EQ(books().dead, 1);
  command({"CONFIG", "SET", "maxmemory", "0"});
}

}  // namespace
}  // namespace ferry::test
