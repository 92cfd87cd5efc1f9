// What of a payload can be found in Redis, in its files, in dead letters and in logs.

#include <gmock/gmock.h>

#include <filesystem>
#include <sstream>

#include "support/sealing.hpp"

namespace ferry::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

const std::string marker = "a-word-that-stands-nowhere-else-0451";

std::size_t times_in(std::string_view text, std::string_view word) {
  std::size_t times = 0;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    ++times;
  }
  return times;
}

std::string text_of(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

/// Redis writes all it does to its AOF, and nothing of it compressed.
class SealedStorageTest : public SealingTest, public testing::WithParamInterface<bool> {
 protected:
  SealedStorageTest()
      : SealingTest({.fsync = Fsync::always, .arguments = {"--rdbcompression", "no"}}) {}

  /// Jobs that wait, are delayed, were tried in vain, are dead and dead again, of both kinds.
  void leave_jobs_everywhere(const std::string& file) {
    Client client = producer(file);
    EnqueueOptions options;
    options.headers = {{"tenant", "17"}};
    client.enqueue(Letter{"good " + marker}, options);
    client.enqueue(Letter{"twice " + marker});
    const JobId bad = client.enqueue(Letter{"bad " + marker});
    {
      WorkerOptions with = with_keys(file);
      with.accept_plain_payloads = true;
      RunningWorker worker(with, handlers());
      ASSERT_TRUE(settled(2, 1));
    }
    EXPECT_EQ(queue.retry_dead(std::vector{bad}), 1);
    {
      RunningWorker worker(with_keys(file), handlers({.backoff = {1h, 1h}}));
      ASSERT_TRUE(settled(2, 1));
      client.enqueue(Letter{"twice for later " + marker});
      ASSERT_TRUE(eventually([&] { return queue.counts().delayed == 1; }));
    }
    client.enqueue(Letter{"waits " + marker});
    static_cast<void>(client.enqueue_all(std::vector<Parcel>(100, Parcel{"parcel " + marker})));
    options.run_after = 1h;
    client.enqueue(Parcel{"delayed " + marker}, options);
  }

  /// Every key as Redis would hand it to another server.
  std::string all_keys() {
    redis::Connection connection(redis_options(redis));
    connection.connect();
    std::string all;
    const auto names = connection.call({"KEYS", "*"});
    EXPECT_GE(names->root().size, 6u);
    for (const redis::Reply& name : names->root()) {
      all += connection.call({"DUMP", name.text})->root().text;
    }
    return all;
  }

  std::filesystem::path folder() const {
    return std::filesystem::path(redis.socket_path()).parent_path();
  }
};

TEST_P(SealedStorageTest, HasAMarkerOnlyWhereNobodySealed) {
  const bool sealed = GetParam();
  leave_jobs_everywhere(sealed ? keys("keys", {"k1"}) : "");
  if (HasFatalFailure()) return;
  redis::Connection connection(redis_options(redis));
  connection.connect();
  connection.call({"SAVE"});
  std::size_t in_aof = 0;
  std::size_t in_rdb = 0;
  std::size_t headers = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder())) {
    if (!entry.is_regular_file()) continue;
    const std::string text = text_of(entry.path());
    const bool aof = entry.path().string().find("appendonly") != std::string::npos;
    (aof ? in_aof : in_rdb) += times_in(text, marker);
    headers += times_in(text, "tenant");
  }
  EXPECT_GT(headers, 0u) << "the files that were read hold no jobs";
  const std::size_t in_keys = times_in(all_keys(), marker);
  if (sealed) {
    EXPECT_EQ(in_aof, 0u);
    EXPECT_EQ(in_rdb, 0u);
    EXPECT_EQ(in_keys, 0u);
  } else {
    EXPECT_GE(in_aof, 105u);
    EXPECT_GE(in_rdb, 104u);
    EXPECT_GE(in_keys, 104u);
  }
  // Whoever has the key sees it.
  EXPECT_THAT(queue.dead_payload(only_dead().id, sealed ? keys("keys", {"k1"}) : "").value(),
              HasSubstr(marker));
}

INSTANTIATE_TEST_SUITE_P(SealedAndPlain, SealedStorageTest, testing::Bool(),
                         [](const auto& kind) { return kind.param ? "sealed" : "plain"; });

TEST_F(SealingTest, LogsShowNeitherKeysNorPayloadsWhateverGoesWrong) {
  const std::string file = keys("keys", {"k1"});
  testing::internal::CaptureStderr();
  {
    producer(file).enqueue(Letter{"bad " + marker});
    producer("").enqueue(Letter{"plain " + marker});
    producer(keys("other", {"k9"})).enqueue(Letter{"missing " + marker});
    WorkerOptions options = with_keys(file);
    options.log.level = LogLevel::debug;
    RunningWorker worker(options, handlers({.max_attempts = 1}));
    EXPECT_TRUE(settled(0, 3));
    redis.kill();
    redis.start();
    EXPECT_TRUE(eventually([&] { return worker->stats().reconnects > 0; }));
  }
  const std::string logs = testing::internal::GetCapturedStderr();
  EXPECT_THAT(logs, HasSubstr("working"));
  EXPECT_THAT(logs, Not(HasSubstr(marker)));
  for (const char* id : {"k1", "k9"}) {
    EXPECT_THAT(logs, Not(HasSubstr(hex_of(id).substr(0, 16))));
  }
}

}  // namespace
}  // namespace ferry::test
