#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ferry/queue.hpp"
#include "support/queue_fixture.hpp"
#include "unit/wire/samples.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Note;
using test::Taken;

class DeadLettersTest : public test::QueueTest {};

TEST_F(DeadLettersTest, TellsWhyAJobDiedAndGivesItsPayload) {
  const auto ids = bury(2, Priority::high);
  const auto info = queue->dead(ids[1]);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->id, ids[1]);
  EXPECT_EQ(info->kind, "note");
  EXPECT_EQ(info->state, JobState::dead);
  EXPECT_EQ(info->priority, Priority::high);
  EXPECT_EQ(info->reason, "declined");
  EXPECT_EQ(info->attempts, 3);
  EXPECT_EQ(info->deliveries, 2);
  EXPECT_EQ(info->died_at.time_since_epoch(), 1'700'000'000'000ms);
  msgpack::sbuffer packed;
  msgpack::pack(packed, Note{});
  EXPECT_EQ(queue->dead_payload(ids[1]), std::string(packed.data(), packed.size()));
  EXPECT_FALSE(queue->dead(JobId{}));
  EXPECT_FALSE(queue->dead_payload(JobId{}));
}

TEST_F(DeadLettersTest, DoesNotTakeADelayedJobForADeadOne) {
  EnqueueOptions later;
  later.run_after = 1h;
  const JobId id = client->enqueue(Note{1}, later);
  EXPECT_FALSE(queue->dead(id));
  EXPECT_EQ(queue->retry_dead(std::span(&id, 1)), 0);
  EXPECT_EQ(queue->drop_dead(std::span(&id, 1)), 0);
  EXPECT_EQ(queue->counts().delayed, 1);
}

TEST_F(DeadLettersTest, PutsDeadJobsBackWithoutTheirPast) {
  const auto ids = bury(3, Priority::low);
  const std::vector<JobId> some{ids[0], JobId{}, ids[2]};
  EXPECT_EQ(queue->retry_dead(some), 2);
  EXPECT_EQ(queue->retry_dead(some), 0);
  const auto jobs = all_pages(JobState::waiting, 10);
  EXPECT_EQ(ids_of(jobs), (std::set<JobId>{ids[0], ids[2]}));
  for (const JobInfo& job : jobs) {
    EXPECT_EQ(job.attempts, 0);
    EXPECT_EQ(job.reason, "");
    EXPECT_EQ(job.priority, Priority::low);
  }
  EXPECT_EQ(queue->counts().dead, 1);
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(DeadLettersTest, PutsAllDeadJobsBackInSlices) {
  bury(450);
  std::vector<std::int64_t> told;
  EXPECT_EQ(queue->retry_all_dead([&](std::int64_t moved) { told.push_back(moved); }), 450);
  EXPECT_GE(told.size(), 3u);
  EXPECT_EQ(told.back(), 450);
  EXPECT_EQ(queue->counts().waiting, 450);
  EXPECT_EQ(queue->counts().dead, 0);
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(DeadLettersTest, DropsDeadJobsForGood) {
  const auto ids = bury(5);
  EXPECT_EQ(queue->drop_dead(std::span(ids).first(2)), 2);
  EXPECT_EQ(queue->counts().dead, 3);
  EXPECT_EQ(queue->drop_all_dead(), 3);
  const QueueCounts counts = queue->counts();
  EXPECT_EQ(counts.dead, 0);
  EXPECT_EQ(counts.cancelled, 5);
  EXPECT_TRUE(queue->audit().balanced());
}

/// An envelope that no version of Ferry can decode, buried by a worker.
class OpaqueTest : public DeadLettersTest {
 protected:
  JobId bury_opaque() {
    enqueue(2);
    let_in("w1");
    const Taken taken = take("w1");
    raw = taken.bytes;
    const std::string wrapped =
        wire::wrap_opaque(raw, taken.envelope.head.count, taken.envelope.head.first_id,
                          {"cannot be decoded", 1'700'000'000'000, 1});
    admin->call({"FCALL", "ferry_v1_bury", "6", keys.state, keys.workers, keys.progress,
                 keys.ready[1], keys.dead, keys.parked, "w1", taken.id, std::to_string(raw.size()),
                 wrapped});
    return taken.envelope.head.first_id;
  }

  std::string raw;
};

TEST_F(OpaqueTest, ShowsTheReasonAndTheRawBytes) {
  const JobId id = bury_opaque();
  EXPECT_EQ(queue->counts().dead, 2);
  EXPECT_TRUE(queue->audit().balanced());
  const auto info = queue->dead(id);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->kind, "");
  EXPECT_EQ(info->reason, "cannot be decoded");
  EXPECT_EQ(queue->dead_payload(id), raw);
}

TEST_F(OpaqueTest, GoesBackAsTheBytesThatItWas) {
  const JobId id = bury_opaque();
  EXPECT_EQ(queue->retry_dead(std::span(&id, 1)), 2);
  let_in("w2");
  EXPECT_EQ(take("w2").bytes, raw);
  EXPECT_TRUE(queue->audit().balanced());
}

/// Letters of every sort that cannot go back, among others that can.
class RetryTest : public OpaqueTest {
 protected:
  struct Left {
    std::string id;
    std::string why;
  };

  /// Retries all and collects what stays.
  std::int64_t retry_all(const std::function<void()>& meanwhile = [] {}) {
    left.clear();
    return queue->retry_all_dead([&](std::int64_t) { meanwhile(); },
                                 [&](const DeadLeft& letter) {
                                   EXPECT_TRUE(letter.found);
                                   left.push_back({letter.id.to_string(), letter.why});
                                 });
  }

  /// Stores a dead letter by hand, counted.
  void store_letter(const std::string& name, const std::string& bytes, int jobs = 1) {
    if (!bytes.empty()) admin->call({"HSET", keys.parked, name, bytes});
    admin->call({"ZADD", keys.dead, "1700000000000", name});
    admin->call({"HINCRBY", keys.state, "dead", std::to_string(jobs)});
    admin->call({"HINCRBY", keys.state, "accepted", std::to_string(jobs)});
  }

  static std::string name_of(int number, char digit = '1') {
    const std::string text = std::to_string(number);
    return std::string{digit, ':'} + std::string(32 - text.size(), '0') + text;
  }

  static JobId id_of(int number) {
    return JobId::parse("00000000-0000-0000-0000-" +
                        std::string(12 - std::to_string(number).size(), '0') +
                        std::to_string(number))
        .value();
  }

  static std::string wrapped(const std::string& bytes, std::size_t count = 1) {
    return wire::wrap_opaque(bytes, count, id_of(1), {"cannot be decoded", 1'700'000'000'000, 1});
  }

  std::vector<Left> left;
};

TEST_F(RetryTest, PutsEachBackOnceThoughTheyDieAgainMeanwhile) {
  for (const int letters : {1, 99, 100, 101, 350}) {
    const auto ids = bury(letters);
    std::map<JobId, int> retried;
    const auto die_again = [&] {
      while (queue->counts().waiting > 0) {
        const Taken taken = take("gravedigger");
        for (const auto& job : taken.envelope.jobs) ++retried[job.id];
        std::vector<std::size_t> all(taken.envelope.jobs.size());
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
        settle("gravedigger", taken, {}, all);
      }
    };
    EXPECT_EQ(retry_all(die_again), letters);
    EXPECT_EQ(retried.size(), ids.size());
    for (const auto& [id, times] : retried) EXPECT_EQ(times, 1) << id.to_string();
    EXPECT_TRUE(left.empty());
    EXPECT_EQ(queue->counts().dead, letters);
    EXPECT_EQ(queue->drop_all_dead(), letters);
  }
  EXPECT_TRUE(queue->audit().balanced());
}

TEST_F(RetryTest, GoesPastThoseThatNoWorkerCouldRunAndSaysWhy) {
  const std::string newer = wire::samples::envelope_with(32, 1, "later");
  const std::string sound = wire::samples::envelope(1);
  struct Case {
    std::string name;
    std::string bytes;
    std::string why;  ///< empty = it goes back
  };
  const std::vector<Case> cases{
      {name_of(1), wrapped("hello"), "its bytes are no envelope"},
      {name_of(2), "garbage", "it cannot be read: "},
      {name_of(3), "", "its bytes are missing in ferry:{default:0}:parked"},
      {name_of(4), wrapped(wire::samples::envelope_with(0, 1, "\xc1")),
       "no worker of this version"},
      {name_of(5), wrapped(sound, 3), "FERRYBAD"},  // a count that is not that of its bytes
      {"zzz", sound, "\"zzz\": the name is none of Ferry's"},
      {name_of(6), wrapped(newer), ""},
      {name_of(7), wrapped(sound), ""}};
  bury(150);
  for (const Case& one : cases) store_letter(one.name, one.bytes, one.name == name_of(5) ? 3 : 1);
  bury(150);
  EXPECT_EQ(retry_all(), 302);
  std::size_t told = 0;
  for (const Case& one : cases) {
    if (one.why.empty()) continue;
    ++told;
    EXPECT_TRUE(std::ranges::any_of(left, [&](const Left& letter) {
      return letter.why.find(one.why) != std::string::npos;
    })) << one.why;
  }
  EXPECT_EQ(left.size(), told);
  EXPECT_EQ(queue->counts().waiting, 302);
  EXPECT_EQ(retry_all(), 0) << "those that stay stay";
  EXPECT_EQ(left.size(), told);
  EXPECT_EQ(queue->drop_all_dead(), 7) << "five letters, one of them with three jobs";
  EXPECT_EQ(admin->call({"ZCARD", keys.dead})->root().integer, 0);
  EXPECT_EQ(admin->call({"HLEN", keys.parked})->root().integer, 0);
}

TEST_F(RetryTest, LeavesWhatWouldExpireAtOnceAndSaysSo) {
  const auto letter_of = [](std::vector<std::uint64_t> expiries) {
    wire::EnvelopeWriter writer(id_of(100));
    for (std::size_t i = 0; i < expiries.size(); ++i) {
      const wire::Extras extras{.expires_at_ms = expiries[i]};
      const JobId id = id_of(100 + static_cast<int>(i));
      writer.add_moved({id, "note", "x", wire::samples::noon_us, nullptr}, &extras);
    }
    return writer.finish(0, wire::Death{"declined", 1'700'000'000'000, 1});
  };
  constexpr std::uint64_t past = 1;
  constexpr std::uint64_t future = wire::max_time_ms;
  struct Case {
    std::vector<std::uint64_t> expiries;
    std::int64_t back;
    std::int64_t late;
  };
  const std::vector<Case> cases{
      {{past}, 0, 1},       {{future}, 1, 0},       {{0}, 1, 0},
      {{past, past}, 0, 2}, {{past, future}, 1, 1}, {{future, past, 0, past, past}, 2, 3}};
  for (const bool all : {false, true}) {
    for (const bool ignores : {false, true}) {
      for (const Case& one : cases) {
        admin->call({"FLUSHDB"});
        queue->counts();
        store_letter(name_of(100), letter_of(one.expiries), static_cast<int>(one.expiries.size()));
        std::int64_t stays = 0;
        const auto tell = [&](const DeadLeft& letter) {
          EXPECT_NE(letter.why.find("its time has passed"), std::string::npos) << letter.why;
          EXPECT_EQ(letter.kinds, std::vector<std::string>{"note"});
          stays += letter.jobs;
        };
        const JobId id = id_of(100);
        const RetryOptions options{{}, ignores};
        EXPECT_EQ(all ? queue->retry_all_dead({}, tell, options)
                      : queue->retry_dead({&id, 1}, tell, options),
                  ignores ? one.back + one.late : one.back);
        EXPECT_EQ(stays, ignores ? 0 : one.late);
        EXPECT_EQ(queue->counts().dead, stays);
        EXPECT_EQ(queue->counts().expired, 0);
        EXPECT_TRUE(queue->audit().balanced());
        if (ignores) {
          let_in("w");
          const Taken taken = take("w");
          for (const auto& job : taken.envelope.jobs) {
            EXPECT_TRUE(job.extras == nullptr || job.extras->expires_at_ms == 0);
          }
        }
      }
    }
  }
}

TEST_F(RetryTest, ActsOnlyOnWhatTheFilterMatches) {
  const auto bury_kinds = [this](int number, const std::vector<std::string>& kinds,
                                 const std::string& reason) {
    wire::EnvelopeWriter writer(id_of(number));
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      writer.add_moved(
          {id_of(number + static_cast<int>(i)), kinds[i], "x", wire::samples::noon_us, nullptr},
          nullptr);
    }
    store_letter(name_of(number), writer.finish(0, wire::Death{reason, 1'700'000'000'000, 1}),
                 static_cast<int>(kinds.size()));
  };
  const auto refill = [&] {
    admin->call({"FLUSHDB"});
    queue->counts();
    for (int i = 0; i < 250; ++i) {
      bury_kinds(1000 + 10 * i, {i % 2 == 0 ? "mail" : "note"}, i % 5 == 0 ? "declined" : "busy");
    }
    bury_kinds(9000, {"mail", "note", "mail"}, "declined");
    store_letter(name_of(9100), "garbage");
  };
  struct Case {
    DeadFilter only;
    std::int64_t jobs;
  };
  const std::vector<Case> cases{{{"mail", ""}, 127},     {{"note", ""}, 126},
                                {{"", "declined"}, 53},  {{"mail", "declined"}, 27},
                                {{"mail", "broken"}, 0}, {{"other", ""}, 0},
                                {{"", "BUSY"}, 0}};
  for (const bool drops : {false, true}) {
    for (const Case& one : cases) {
      SCOPED_TRACE(one.only.kind + " " + one.only.reason + (drops ? " dropped" : ""));
      refill();
      const auto tell = [](const DeadLeft& letter) { ADD_FAILURE() << letter.why; };
      EXPECT_EQ(drops ? queue->drop_all_dead({}, tell, one.only)
                      : queue->retry_all_dead({}, tell, {one.only, false}),
                one.jobs);
      EXPECT_EQ(queue->counts().dead, 254 - one.jobs);
      const AuditReport audit = queue->audit();
      EXPECT_EQ(audit.found_dead, 254 - one.jobs - 1) << "garbage has no job that can be counted";
      for (const JobInfo& job : all_pages(JobState::dead, 100)) {
        EXPECT_FALSE(one.only.matches(job)) << job.id.to_string();
      }
    }
  }
}

TEST_F(RetryTest, SaysWhichOfTheIdsStayAndWhichAreNotThere) {
  const auto ids = bury(2);
  store_letter(name_of(1), wrapped("hello"));
  std::vector<DeadLeft> told;
  const std::vector<JobId> named{ids[0], id_of(1), id_of(99), ids[1]};
  EXPECT_EQ(queue->retry_dead(named, [&](const DeadLeft& letter) { told.push_back(letter); }), 2);
  ASSERT_EQ(told.size(), 2U);
  std::ranges::sort(told, {}, &DeadLeft::found);
  EXPECT_EQ(told[0].id, id_of(99));
  EXPECT_FALSE(told[0].found);
  EXPECT_EQ(told[1].id, id_of(1));
  EXPECT_TRUE(told[1].found);
  EXPECT_NE(told[1].why.find("no envelope"), std::string::npos);
}

TEST_F(RetryTest, ShowsTheIdAndTheKindsOfWhatCannotBeDecoded) {
  const std::string bad = wire::samples::envelope_with(64, 1, "\x93\xc0\x91\xa4mail\x90");
  store_letter(name_of(5), wrapped(bad));
  store_letter(name_of(6), "garbage");
  const auto jobs = all_pages(JobState::dead, 10);
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0].id, id_of(5));
  EXPECT_EQ(jobs[0].kind, "");
  EXPECT_EQ(jobs[0].kinds, std::vector<std::string>{"mail"});
  EXPECT_EQ(jobs[1].id, id_of(6)) << "of its name, for its bytes have none";
  EXPECT_TRUE(jobs[1].kinds.empty());
  ASSERT_TRUE(queue->dead(id_of(5)));
  EXPECT_EQ(queue->dead(id_of(5))->kinds, std::vector<std::string>{"mail"});
  ASSERT_TRUE(queue->dead(id_of(6)));
  EXPECT_EQ(queue->dead_payload(id_of(6)), "garbage");
}

TEST_F(RetryTest, PagesOverLettersWithOddTimesOfDeathWithoutEnd) {
  int number = 10;
  for (const char* score : {"-inf", "-5", "0", "1.5", "1700000000000", "1e300", "inf"}) {
    const std::string name = name_of(++number);
    admin->call({"HSET", keys.parked, name, wrapped("hello")});
    admin->call({"ZADD", keys.dead, score, name});
  }
  for (const std::size_t limit : {1, 2, 3, 100}) {
    EXPECT_EQ(ids_of(all_pages(JobState::dead, limit)).size(), 7U) << limit;
  }
}

}  // namespace
}  // namespace ferry
