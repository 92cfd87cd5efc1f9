#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/client_fixture.hpp"
#include "wire/envelope.hpp"

namespace ferry::test {

/// An entry in a worker's hands.
struct Taken {
  std::string id;
  std::string bytes;
  wire::StoredEnvelope envelope;
};

/// A queue with a client before it and the hands of workers behind it, function by function.
class QueueTest : public RedisTest {
 protected:
  void SetUp() override {
    RedisTest::SetUp();
    if (!redis) return;
    admin.emplace(reach());
    admin->connect();
    queue.emplace(reach(), "default");
    client.emplace(client_options());
    queue->counts();  // the functions are there from now on
  }

  void enqueue(int jobs, Priority priority = Priority::normal) {
    EnqueueOptions options;
    options.priority = priority;
    for (const auto& result : client->enqueue_all(std::vector<Note>(jobs), options)) {
      ASSERT_TRUE(result);
    }
  }

  void let_in(const std::string& worker) {
    admin->call({"FCALL", "ferry_v1_register", "5", keys.state, keys.workers, keys.ready[0],
                 keys.ready[1], keys.ready[2], worker});
  }

  /// Leases the oldest envelope of a stream.
  Taken take(const std::string& worker, Priority priority = Priority::normal) {
    const auto answer = admin->call({"XREADGROUP", "GROUP", "ferry", worker, "COUNT", "1",
                                     "STREAMS", keys.ready[static_cast<int>(priority)], ">"});
    const redis::Reply& entry = answer->root()[0][1][0];
    Taken taken;
    taken.id = entry[0].text;
    taken.bytes = entry[1][1].text;
    EXPECT_EQ(wire::decode(taken.bytes, taken.envelope), "");
    return taken;
  }

  /// Settles jobs of an envelope: some done, some failed for good.
  void settle(const std::string& worker, const Taken& taken, const std::vector<std::size_t>& done,
              const std::vector<std::size_t>& failed, Priority priority = Priority::normal) {
    std::string done_indexes;
    for (const std::size_t i : done) {
      done_indexes += {static_cast<char>(i >> 8), static_cast<char>(i & 255)};
    }
    std::vector<std::string> moves;
    for (const std::size_t i : failed) {
      const wire::StoredJob& job = taken.envelope.jobs[i];
      wire::Extras extras;
      extras.attempts = 3;
      extras.last_reason = "declined";
      wire::EnvelopeWriter writer(job.id);
      writer.add_moved(job, &extras);
      const wire::Death death{"declined", 1'700'000'000'000, 2};
      moves.insert(moves.end(), {std::to_string(i), "f", "0", writer.finish(0, death)});
    }
    const std::string jobs = std::to_string(taken.envelope.jobs.size());
    const std::string bytes = std::to_string(taken.bytes.size());
    std::vector<std::string_view> command{"FCALL",
                                          "ferry_v1_settle",
                                          "7",
                                          keys.state,
                                          keys.workers,
                                          keys.progress,
                                          keys.ready[static_cast<int>(priority)],
                                          keys.due,
                                          keys.parked,
                                          keys.dead,
                                          worker,
                                          taken.id,
                                          jobs,
                                          bytes,
                                          done_indexes,
                                          ""};
    command.insert(command.end(), moves.begin(), moves.end());
    const auto answer = admin->call(command);
    ASSERT_EQ(answer->root()[0].text, "OK");
    ASSERT_EQ(answer->root()[1].integer, static_cast<std::int64_t>(done.size() + failed.size()));
  }

  /// Enqueues jobs and lets all of them fail for good.
  std::vector<JobId> bury(int jobs, Priority priority = Priority::normal) {
    std::vector<JobId> ids;
    EnqueueOptions options;
    options.priority = priority;
    for (const auto& result : client->enqueue_all(std::vector<Note>(jobs), options)) {
      ids.push_back(result.id);
    }
    let_in("gravedigger");
    std::size_t buried = 0;
    while (buried < ids.size()) {
      const Taken taken = take("gravedigger", priority);
      std::vector<std::size_t> all(taken.envelope.jobs.size());
      for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
      settle("gravedigger", taken, {}, all, priority);
      buried += all.size();
    }
    return ids;
  }

  std::vector<JobInfo> all_pages(JobState state, std::size_t limit) {
    std::vector<JobInfo> jobs;
    std::string from;
    do {
      JobPage page = queue->jobs(state, limit, from);
      for (JobInfo& job : page.jobs) jobs.push_back(std::move(job));
      from = page.next;
    } while (!from.empty());
    return jobs;
  }

  static std::set<JobId> ids_of(const std::vector<JobInfo>& jobs) {
    std::set<JobId> ids;
    for (const JobInfo& job : jobs) ids.insert(job.id);
    EXPECT_EQ(ids.size(), jobs.size()) << "a job was listed twice";
    return ids;
  }

  Keys keys{"ferry", "default"};
  std::optional<redis::Connection> admin;
  std::optional<Queue> queue;
  std::optional<Client> client;
};

}  // namespace ferry::test
