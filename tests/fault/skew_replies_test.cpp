// Functions of a later library, as far as they answer more or other than those of today.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "ferry/client.hpp"
#include "functions/keys.hpp"
#include "functions/library.hpp"
#include "redis/connection.hpp"
#include "support/effects.hpp"
#include "support/running_worker.hpp"
#include "support/wait.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using test::Effects;
using test::eventually;
using test::RunningWorker;
using test::Task;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// This library with more Lua in front of its first function.
std::string with_lua(std::string text, const std::string& lua) {
  const std::string first_line = "#!lua name=ferry_v1\n";
  EXPECT_TRUE(text.starts_with(first_line));
  return first_line + lua + text.substr(first_line.size());
}

/// This library as a later one may answer: with elements behind those of today.
std::string talkative_library() {
  const std::string lua = R"(
local told_more = {enqueue = 1, open = 1, register = 1, renew = 1, put_off = 1, finish = 1,
  done = 1, settle = 1, bury = 1, release = 1, promote = 1, expire_producers = 1, counts = 1,
  count_range = 1, count_parked = 1, beat = 1, look = 1, part = 1, set_aside = 1, books = 1,
  weigh = 1, weigh_parked = 1, remove = 1, forget = 1}
local function add_more(reply) reply[#reply + 1] = 'further'; reply[#reply + 1] = {7, 'x'} end
local function register_talkative(f)
  local full_name, callback = f.function_name, f.callback
  f.callback = function(keys, args)
    local name, reply = string.sub(full_name, 10), callback(keys, args)
    if type(reply) ~= 'table' or reply.err or reply.ok then return reply end
    if told_more[name] then add_more(reply) end
    if name == 'reclaim' or name == 'claim' then for i = 2, #reply do add_more(reply[i]) end end
    return reply
  end
  redis.register_function(f)
end
)";
  return with_lua(
      replaced(std::string(library_text()), "\nredis.register_function{", "\nregister_talkative{"),
      lua);
}

/// This library, but one function does nothing and answers a word that nobody knows.
std::string library_with_unknown_word(const std::string& function, bool writes) {
  const std::string lua = std::string("local function later_word()") +
                          (writes ? " redis.call('INCR', 'asked')" : "") +
                          " return {'ROUTE', 7} end\n";
  std::string text(library_text());
  const std::string name = "'ferry_v1_" + function + "'";
  const auto at = text.find("callback = ", text.find("function_name = " + name));
  EXPECT_NE(at, std::string::npos) << function;
  const auto end = text.find_first_of(",}\n", at);
  text.replace(at, end - at, "callback = later_word");
  return with_lua(text, lua);
}

class SkewRepliesTest : public testing::Test {
 protected:
  void load(std::string_view library) { admin.call({"FUNCTION", "LOAD", "REPLACE", library}); }
  WorkerOptions options() const {
    WorkerOptions worker = test::worker_options(redis);
    worker.log.level = LogLevel::off;
    return worker;
  }
  Handlers handlers() {
    Handlers all;
    all.on<Task>([this](const JobContext&, const Task& task) { effects.add(task.number); });
    return all;
  }

  PrivateRedis redis;
  Client client{test::client_options(redis)};
  Queue queue{test::redis_options(redis), "default"};
  redis::Connection admin{test::redis_options(redis)};
  Keys keys{"ferry", "default"};
  Effects effects;
};

TEST_F(SkewRepliesTest, FurtherElementsOfALaterLibraryArePassedOver) {
  load(talkative_library());
  const auto counted = admin.call({"FCALL", "ferry_v1_counts", "10", keys.state, keys.workers,
                                   keys.progress, keys.due, keys.parked, keys.dead, keys.ready[0],
                                   keys.ready[1], keys.ready[2], keys.control});
  ASSERT_EQ(counted->root().size, 20u);
  EnqueueOptions later;
  later.run_after = 50ms;
  for (int i = 0; i < 20; ++i) client.enqueue(Task{i}, i % 2 == 0 ? EnqueueOptions{} : later);
  const std::vector<Task> many(500);
  for (const auto& result : client.enqueue_all(many)) ASSERT_TRUE(result);
  admin.call({"XADD", keys.ready[1], "*", "e", "garbage"});
  // What a worker that died has left.
  admin.call({"FCALL", "ferry_v1_register", "5", keys.control, keys.workers, keys.ready[0],
              keys.ready[1], keys.ready[2], "dead"});
  admin.call(
      {"XREADGROUP", "GROUP", group_name, "dead", "COUNT", "2", "STREAMS", keys.ready[1], ">"});
  Handlers all;
  all.on<Task>([&](const JobContext& context, const Task& task) -> Outcome {
    if (task.number == 3 && context.attempt == 1) return retry_after(10ms, "once more");
    if (task.number == 4) return fail("declined");
    effects.add(task.number);
    return done();
  });
  RunningWorker worker(options(), std::move(all));
  ASSERT_TRUE(eventually([&] { return queue.counts().done == 519; }));
  EXPECT_EQ(queue.counts().dead, 2);
  queue.pause();
  EXPECT_TRUE(queue.counts().paused);
  queue.resume();
  EXPECT_EQ(queue.drop_all_dead(), 2);
  client.enqueue(Task{-1}, later);
  EXPECT_EQ(queue.purge(), 1);
  worker.stop();
  EXPECT_EQ(client.stats().failed_jobs, 0u);
  EXPECT_THAT(queue.audit().violations, testing::IsEmpty());
}

TEST_F(SkewRepliesTest, AnUnknownWordFailsThatCallOfAClient) {
  using testing::AllOf;
  using testing::HasSubstr;
  const auto message_of = [](auto call) {
    try {
      call();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::internal);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  // An audit goes on with what can be read, and says what could not.
  const auto told_by = [](const AuditReport& audit) {
    for (const std::string& violation : audit.violations) {
      throw Error(ErrorCode::internal, violation);
    }
  };
  const std::string large(4000, 'x');
  const struct {
    std::string function;
    bool writes;
    std::function<void()> call;
  } cases[]{
      {"enqueue", true, [&] { client.enqueue(Task{1}); }},
      {"open", true, [&] { client.enqueue_packed("task", large); }},
      {"books", false, [&] { queue.counts(); }},
      {"weigh", false, [&] { told_by(queue.audit()); }},
      {"weigh_parked", false, [&] { told_by(queue.audit()); }},
      {"pause", true, [&] { queue.pause(); }},
      {"remove", true, [&] { queue.purge(); }},
  };
  for (const auto& each : cases) {
    load(library_with_unknown_word(each.function, each.writes));
    EXPECT_THAT(message_of(each.call), AllOf(HasSubstr("\"ROUTE\""), HasSubstr("ferry_v1_")))
        << each.function;
    load(library_text());
    client.enqueue(Task{2});
    EXPECT_NO_THROW(queue.counts()) << "that call alone";
  }
  EXPECT_EQ(queue.counts().accepted, 7);
}

TEST_F(SkewRepliesTest, AnUnknownWordIsNeverTakenForOkByAWorker) {
  std::int64_t accepted = 0;
  for (const std::string function : {"register", "beat", "look", "finish", "promote"}) {
    admin.call({"SET", "asked", "0"});
    EnqueueOptions delayed;
    if (function == "promote") delayed.run_after = 1ms;
    client.enqueue(Task{1}, delayed);
    ++accepted;
    load(library_with_unknown_word(function, true));
    {
      RunningWorker worker(options(), handlers());
      EXPECT_TRUE(eventually([&] {
        return admin.call({"GET", "asked"})->root().text != "0";
      })) << function;
      if (function == "finish") {
        EXPECT_TRUE(eventually([&] { return worker->stats().stale == 1; }));
        EXPECT_EQ(worker->stats().done, 0u) << "nobody knows whether it was stored";
        EXPECT_EQ(queue.counts().done, accepted - 1);
      }
      load(library_text());
    }
    RunningWorker another(options(), handlers());
    ASSERT_TRUE(eventually([&] { return queue.counts().done == accepted; })) << function;
  }
  EXPECT_THAT(queue.audit().violations, testing::IsEmpty());
}

}  // namespace
}  // namespace ferry
