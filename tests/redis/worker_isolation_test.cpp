// One worker, many queues, each damaged in its own way while it works: innocent queues go on, each
// error is logged once, and what is mended works again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "access/access_rules.hpp"
#include "ferry/client.hpp"
#include "ferry/queue.hpp"
#include "ferry/setup.hpp"
#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/log_file.hpp"
#include "support/redis_test.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry::test {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

struct Note {
  static constexpr std::string_view kind = "note";
  std::string text{};
  MSGPACK_DEFINE_MAP(text)
};

constexpr const char* fails = "a queue does not work; the others go on";
constexpr const char* works = "a queue works again";

struct Damage {
  std::string name;
  std::function<void(const Keys&)> inflict;
  std::function<void(const Keys&)> mend = [](const Keys&) {};
};

class WorkerIsolationTest : public RedisTest {
 protected:
  void SetUp() override {
    RedisTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    install_functions(options());
    admin_ = std::make_unique<redis::Connection>(options());
    ClientOptions producing = client_options(server());
    producing.block_timeout = 0ms;
    client_ = std::make_unique<Client>(producing);
  }
  void TearDown() override {
    alive_ = {};
    worker_.reset();
    client_.reset();
    admin_.reset();
  }

  /// A queue for each damage, and two innocent ones.
  void serve(std::vector<Damage> damages, const RedisOptions& redis) {
    damages_ = std::move(damages);
    WorkerOptions working = worker_options(server());
    working.redis = redis;
    working.queues.clear();
    for (std::size_t i = 0; i < damages_.size(); ++i) names_.push_back("q" + std::to_string(i));
    for (const std::string& name : names_) working.queues.push_back({name, 1});
    for (const std::string& name : innocent_) working.queues.push_back({name, 1});
    working.lease = 1s;
    working.log = {LogFormat::json, LogLevel::info};
    std::vector<std::string> all;
    for (const QueueShare& queue : working.queues) all.push_back(queue.name);
    leave_suspects(all);
    worker_ = std::make_unique<RunningWorker>(working, handlers());
    for (const QueueShare& queue : working.queues) {
      enqueue(queue.name, {"seed"});
      enqueue(queue.name, {"fail"});
      enqueue(queue.name, {"much later"}, {.run_after = 1h});
    }
    for (const QueueShare& queue : working.queues) {
      ASSERT_TRUE(eventually([&] { return done_and_dead(queue.name) == 2; })) << queue.name;
    }
  }

  /// Each queue has a job that a worker has begun, which dies when the damage is done.
  void leave_suspects(const std::vector<std::string>& queues) {
    for (const std::string& name : queues) {
      const Keys keys("ferry", name);
      say({"FCALL", "ferry_v1_register", "5", keys.control, keys.workers, keys.ready[0],
           keys.ready[1], keys.ready[2], "dies"});
      enqueue(name, {"suspect"});
      const auto taken = ask({"XREADGROUP", "GROUP", std::string(group_name), "dies", "COUNT", "1",
                              "STREAMS", keys.ready[1], ">"});
      const std::string id(taken->root()[0][1][0][0].text);
      say({"FCALL", "ferry_v1_start", "5", keys.workers, keys.progress, keys.ready[0],
           keys.ready[1], keys.ready[2], "dies", "1:" + id, "1", "0"});
    }
    alive_ = std::jthread([queues](const std::stop_token& stop) {
      redis::Connection beats(options());
      while (!stop.stop_requested()) {
        for (const std::string& name : queues) {
          const Keys keys("ferry", name);
          beats.call(
              {"FCALL", "ferry_v1_beat", "2", keys.control, keys.workers, "dies", "1000", "0"});
        }
        std::this_thread::sleep_for(100ms);
      }
    });
  }

  void inflict_all() {
    alive_ = {};
    for (std::size_t i = 0; i < damages_.size(); ++i) damages_[i].inflict(Keys("ferry", names_[i]));
    after_damage_ = true;
  }
  void mend_all() {
    for (std::size_t i = 0; i < damages_.size(); ++i) damages_[i].mend(Keys("ferry", names_[i]));
  }

  /// Work for each function that a worker calls.
  void send_mix(const std::string& queue) {
    enqueue(queue, {"done"});
    enqueue(queue, {"high"}, {.priority = Priority::high});
    enqueue(queue, {"low"}, {.priority = Priority::low});
    enqueue(queue, {"retry"});
    enqueue(queue, {"fail"});
    enqueue(queue, {"delayed"}, {.run_after = 5ms});
    const Keys keys("ferry", queue);
    ask({"XADD", keys.ready[1], "NOMKSTREAM", "*", "e", "no envelope at all"});
  }

  /// Twice as long as a queue that failed rests, and all that is asked of the innocent ones.
  void expect_innocent_go_on() {
    for (const std::string& name : innocent_) {
      send_mix(name);
      ASSERT_TRUE(enqueue(name, {"delayed"}, {.run_after = 2500ms}));
    }
    for (const std::string& name : innocent_) {
      const Keys keys("ferry", name);
      // All but the one that is due in an hour: the suspect as well.
      EXPECT_TRUE(eventually([&] { return jobs_left(name) == 1; }))
          << name << what_is_left(name) << log_.text();
      EXPECT_EQ(ask({"HLEN", keys.progress})->root().integer, 0);
      EXPECT_EQ(Queue(options(), name).audit().violations, std::vector<std::string>{}) << name;
    }
  }

  /// Says which errors were logged more than once.
  void expect_each_error_once() {
    std::map<std::tuple<std::string, std::string, std::string>, int> times;
    for (const auto& line : log_.lines(fails)) {
      ++times[{what(line), line.value("activity", ""), line.value("reason", "")}];
    }
    std::vector<std::string> wrong;
    for (const auto& [error, count] : times) {
      const auto& [damage, activity, reason] = error;
      if (count > 1) wrong.push_back(damage + ": " + activity + ": " + std::to_string(count));
      for (const std::string& name : innocent_) EXPECT_NE(damage, name) << reason;
    }
    EXPECT_THAT(wrong, testing::IsEmpty());
    std::vector<std::string> again;
    for (const auto& line : log_.lines(works)) {
      again.push_back(what(line) + ": " + line.value("activity", ""));
    }
    EXPECT_THAT(again, testing::IsEmpty()) << "it said so while it was broken";
  }

  void expect_all_work() {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      EXPECT_TRUE(enqueue(names_[i], {"after"})) << damages_[i].name;
    }
    for (std::size_t i = 0; i < names_.size(); ++i) {
      EXPECT_TRUE(eventually([&] { return jobs_left(names_[i]) == 1; }, 10s))
          << damages_[i].name << " left " << jobs_left(names_[i]);
    }
  }

  void expect_balanced() {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      EXPECT_EQ(Queue(options(), names_[i]).audit().violations, std::vector<std::string>{})
          << damages_[i].name;
    }
  }

  /// Returns: whether it was stored.
  bool enqueue(const std::string& queue, const Note& note, EnqueueOptions job = {}) {
    job.queue = queue;
    try {
      client_->enqueue(note, job);
      return true;
    } catch (const Error& e) {
      if (!after_damage_) ADD_FAILURE() << e.what();
      return false;
    }
  }

  redis::ReplyPtr ask(const Words& words) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    return admin_->command(views);
  }
  void say(const Words& words) {
    const auto reply = ask(words);
    if (reply->root().is_error()) ADD_FAILURE() << words[0] << ": " << reply->root().text;
  }

  static std::int64_t jobs_left(const std::string& queue) {
    const QueueCounts counts = Queue(options(), queue).counts();
    return counts.waiting + counts.leased + counts.delayed;
  }
  static std::string what_is_left(const std::string& queue) {
    std::string left;
    for (const JobState state : {JobState::waiting, JobState::leased, JobState::delayed}) {
      for (const JobInfo& job : Queue(options(), queue).jobs(state).jobs) {
        left += "; " + std::string(to_string(state)) + " since " +
                std::to_string(job.enqueued_at.time_since_epoch().count() / 1000000) + " " +
                job.worker + " " + job.reason;
      }
    }
    return left;
  }
  static std::int64_t done_and_dead(const std::string& queue) {
    const QueueCounts counts = Queue(options(), queue).counts();
    return counts.done + counts.dead;
  }

  std::vector<std::string> names_;
  const std::vector<std::string> innocent_{"innocent", "blameless"};
  LogFile log_;

 private:
  static Handlers handlers() {
    HandlerOptions soon;
    soon.max_attempts = 3;
    soon.backoff = {1ms, 1ms};
    Handlers handlers;
    handlers.on<Note>(
        [](const JobContext& context, const Note& note) -> Outcome {
          if (note.text == "fail") return fail("as told");
          if (note.text == "retry" && context.attempt == 1) return retry("as told");
          return done();
        },
        soon);
    return handlers;
  }

  /// Which damage a line of the log is about; else the queue's name.
  std::string what(const nlohmann::json& line) const {
    const std::string queue = line.value("queue", "");
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] == queue) return damages_[i].name;
    }
    return queue;
  }

  std::unique_ptr<redis::Connection> admin_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<RunningWorker> worker_;
  std::vector<Damage> damages_;
  std::jthread alive_;
  bool after_damage_ = false;
};

// --- Keys of another type ---

Words keys_in(const Keys& keys) {
  return {keys.state, keys.control,   keys.workers,  keys.progress, keys.due,     keys.parked,
          keys.dead,  keys.producers, keys.ready[0], keys.ready[1], keys.ready[2]};
}

TEST_F(WorkerIsolationTest, AKeyOfAnotherTypeStopsItsQueueAlone) {
  if (IsSkipped() || HasFailure()) return;
  const std::vector<std::pair<std::string, Words>> makers{
      {"string", {"SET", "", "x"}},     {"list", {"RPUSH", "", "x"}},
      {"set", {"SADD", "", "x"}},       {"zset", {"ZADD", "", "1", "x"}},
      {"hash", {"HSET", "", "x", "x"}}, {"stream", {"XADD", "", "1-1", "e", "x"}}};
  std::vector<Damage> damages;
  const Words names = keys_in(Keys("", ""));
  for (std::size_t key = 0; key < names.size(); ++key) {
    const std::string own = key >= 8 ? "stream" : key == 4 || key == 6 ? "zset" : "hash";
    for (const auto& [type, maker] : makers) {
      if (type == own) continue;
      const auto replace = [this, key, maker](const Keys& keys) {
        const std::string name = keys_in(keys)[key];
        Words make = maker;
        make[1] = name;
        say({"MULTI"});
        ask({"RENAME", name, "kept:" + name});
        say(make);
        ask({"EXEC"});
      };
      const auto restore = [this, key](const Keys& keys) {
        const std::string name = keys_in(keys)[key];
        say({"MULTI"});
        say({"DEL", name});
        ask({"RENAME", "kept:" + name, name});
        ask({"EXEC"});
      };
      damages.push_back(
          {names[key].substr(names[key].find('}') + 2) + " is a " + type, replace, restore});
    }
  }
  serve(std::move(damages), options());
  if (HasFailure()) return;
  inflict_all();
  for (const std::string& name : names_) send_mix(name);
  expect_innocent_go_on();
  expect_each_error_once();
  mend_all();
  expect_all_work();
  expect_balanced();
}

// --- Rights ---

TEST_F(WorkerIsolationTest, AWithdrawnRightStopsItsQueueAlone) {
  if (IsSkipped() || HasFailure()) return;
  // One damage for each command of each selector that a worker has on a queue.
  std::vector<Damage> damages;
  std::vector<std::pair<std::size_t, std::string>> withdrawn;
  const Words rules = access_rules(Role::worker, "ferry", {"any"});
  for (std::size_t at = 0; at < rules.size(); ++at) {
    if (!rules[at].starts_with("(") || rules[at].find("{any:") == std::string::npos) continue;
    for (std::size_t from = rules[at].find('+'); from != std::string::npos;
         from = rules[at].find('+', from + 1)) {
      const std::string command = rules[at].substr(from, rules[at].find(' ', from) - from);
      const std::size_t key = rules[at].rfind("}:");
      damages.push_back({"no " + command + " on " + rules[at].substr(key + 2), [](const Keys&) {}});
      withdrawn.emplace_back(at, command);
    }
  }
  Words all{"innocent", "blameless"};
  for (std::size_t i = 0; i < damages.size(); ++i) all.push_back("q" + std::to_string(i));
  const auto set_rights = [&](const Words& words) {
    Words command{"ACL", "SETUSER", "worker", "on", ">secret", "clearselectors"};
    command.insert(command.end(), words.begin(), words.end());
    say(command);
  };
  set_rights(access_rules(Role::worker, "ferry", all));
  RedisOptions as_worker = options();
  as_worker.url.insert(as_worker.url.find("//") + 2, "worker:secret@");
  serve(std::move(damages), as_worker);
  if (HasFailure()) return;
  Words damaged = access_rules(Role::worker, "ferry", innocent_);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    Words own = access_rules(Role::worker, "ferry", {names_[i]});
    const auto& [at, command] = withdrawn[i];
    own[at].erase(own[at].find(command + " "), command.size() + 1);
    for (std::size_t j = 0; j < own.size(); ++j) {
      const bool empty = j == at && own[j].find('+') == std::string::npos;
      if (own[j].find("{" + names_[i] + ":") != std::string::npos && !empty) {
        damaged.push_back(own[j]);
      }
    }
  }
  inflict_all();
  set_rights(damaged);
  for (const std::string& name : names_) send_mix(name);
  expect_innocent_go_on();
  expect_each_error_once();
  set_rights(access_rules(Role::worker, "ferry", all));
  expect_all_work();
  expect_balanced();
}

// --- Names ---

TEST_F(WorkerIsolationTest, OddNamesStopNothing) {
  if (IsSkipped() || HasFailure()) return;
  std::vector<Damage> damages;
  const Words odd{"",
                  "zzz",
                  "~newer",
                  "~",
                  "1:",
                  "1:1-1",
                  "9:0-0",
                  "3:00000000000000000000000000000000",
                  std::string("\0\xff\r\n", 4),
                  std::string(2000, 'x')};
  const Words values{"", "x", "-5", "1e400", "nan", "99999999999999999999"};
  for (std::size_t i = 0; i < odd.size(); ++i) {
    const std::string& name = odd[i];
    const std::string& value = values[i % values.size()];
    const std::string shown = "odd name " + std::to_string(i);
    damages.push_back({shown + " in workers", [=, this](const Keys& keys) {
                         say({"HSET", keys.workers, name, value});
                       }});
    damages.push_back({shown + " in progress", [=, this](const Keys& keys) {
                         say({"HSET", keys.progress, name, value});
                       }});
    damages.push_back({shown + " in parked", [=, this](const Keys& keys) {
                         say({"HSET", keys.parked, name, value});
                       }});
    damages.push_back({shown + " in due", [=, this](const Keys& keys) {
                         say({"ZADD", keys.due, i % 2 == 0 ? "0" : "-inf", name});
                       }});
    damages.push_back({shown + " in due and parked", [=, this](const Keys& keys) {
                         say({"HSET", keys.parked, name, value});
                         say({"ZADD", keys.due, i % 2 == 0 ? "1" : "1e3", name});
                       }});
  }
  damages.push_back({"odd names by the thousand", [this](const Keys& keys) {
                       Words words{"ZADD", keys.due};
                       for (int i = 0; i < 3000; ++i) {
                         words.insert(words.end(), {"0", "z" + std::to_string(i)});
                       }
                       say(words);
                     }});
  serve(std::move(damages), options());
  if (HasFailure()) return;
  inflict_all();
  for (const std::string& name : names_) send_mix(name);
  expect_innocent_go_on();
  // Nothing is mended: what is odd is passed over, or thrown out of `due`.
  for (std::size_t i = 0; i < names_.size(); ++i) {
    EXPECT_TRUE(eventually([&] {
      const QueueCounts counts = Queue(options(), names_[i]).counts();
      return counts.done >= 7 && counts.waiting + counts.leased == 0;
    })) << names_[i];
  }
  expect_each_error_once();
}

}  // namespace
}  // namespace ferry::test
