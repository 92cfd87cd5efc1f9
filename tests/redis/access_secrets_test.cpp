// Passwords that change while programs run, and what programs tell of passwords and payloads.

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "scratch_folder.hpp"
#include "support/access_fixture.hpp"
#include "support/eventually.hpp"
#include "support/running_worker.hpp"

namespace ferry::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Standard error in a file that can be read while it is written.
class CaughtStderr {
 public:
  explicit CaughtStderr(std::string path) : path_(std::move(path)), saved_(::dup(STDERR_FILENO)) {
    std::fflush(stderr);
    const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(file, STDERR_FILENO);
    ::close(file);
  }
  ~CaughtStderr() {
    std::fflush(stderr);
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
  }
  CaughtStderr(const CaughtStderr&) = delete;
  CaughtStderr& operator=(const CaughtStderr&) = delete;

  std::string text() const {
    std::stringstream all;
    all << std::ifstream(path_).rdbuf();
    return all.str();
  }
  bool has(std::string_view words) const { return text().find(words) != std::string::npos; }

 private:
  std::string path_;
  int saved_;
};

class AccessSecretsTest : public AccessTest {
 protected:
  void SetUp() override {
    AccessTest::SetUp();
    write(first);
    give(Role::producer, first);
    give(Role::worker, first);
  }

  std::string path() const { return folder_ + "/password"; }

  /// As tools that care do it: whole, then in place of the old one.
  void write(const std::string& text) const {
    std::ofstream(folder_ + "/new") << text << '\n';
    std::filesystem::rename(folder_ + "/new", path());
  }

  static void give(Role role, const std::string& secret) {
    set_access(options(), {.name = std::string(to_string(role)), .role = role}, secret);
  }

  RedisOptions by_file(Role role) const {
    RedisOptions redis;
    redis.url = "unix://" + std::string(to_string(role)) + "@" + server().socket_path();
    redis.password_file = path();
    return redis;
  }

  ClientOptions producer_options() const {
    ClientOptions client = producing(Role::producer);
    client.redis = by_file(Role::producer);
    return client;
  }

  WorkerOptions working() const {
    WorkerOptions worker = worker_options(server());
    worker.redis = by_file(Role::worker);
    worker.queues = {{"mail", 1}};
    worker.log = {LogFormat::text, LogLevel::debug};
    return worker;
  }

  static Handlers counting(std::atomic<int>& done) {
    Handlers handlers;
    handlers.on<Note>([&done](const JobContext&, const Note&) { ++done; });
    return handlers;
  }

  /// Ends all connections of the two users, as a restart of Redis would.
  static void cut() {
    redis::Connection admin(options());
    for (const char* user : {"producer", "worker"}) {
      admin.call({"CLIENT", "KILL", "USER", user});
    }
  }

  static constexpr const char* first = "the-first-secret";
  static constexpr const char* second = "the-second-secret";
  const ScratchFolder scratch_;
  const std::string folder_ = scratch_.path().string();
};

TEST_F(AccessSecretsTest, WithTheFileChangedEverybodyGoesOn) {
  std::atomic<int> done{0};
  Client client(producer_options());
  RunningWorker worker(working(), counting(done));
  client.enqueue(Note{"before"});
  ASSERT_TRUE(eventually([&] { return done == 1; }));
  write(second);
  give(Role::producer, second);
  give(Role::worker, second);
  cut();
  client.enqueue(Note{"after"});
  EXPECT_TRUE(eventually([&] { return done == 2; }));
  EXPECT_EQ(worker.stop(), 0);
  EXPECT_TRUE(look().audit().balanced());
  EXPECT_GT(client.stats().reconnects, 0u);
}

TEST_F(AccessSecretsTest, WithTheOldPasswordTheySaySoAndGoOnOnceTheFileFollows) {
  std::atomic<int> done{0};
  const CaughtStderr log(folder_ + "/stderr");
  Client client(producer_options());
  {
    RunningWorker worker(working(), counting(done));
    client.enqueue(Note{"before"});
    EXPECT_TRUE(eventually([&] { return done == 1; }));
    give(Role::producer, second);
    give(Role::worker, second);
    cut();
    const Error refused = error_from([&] { Client(producer_options()).enqueue(Note{"refused"}); });
    EXPECT_EQ(refused.code(), ErrorCode::denied);
    EXPECT_THAT(refused.what(), AllOf(HasSubstr("WRONGPASS"), HasSubstr("password_file"),
                                      Not(HasSubstr(first)), Not(HasSubstr(second))));
    EXPECT_TRUE(eventually([&] { return log.has("Redis refuses; trying again"); }));
    write(second);
    client.enqueue(Note{"after"});
    EXPECT_TRUE(eventually([&] { return done == 2; }));
    EXPECT_EQ(worker.stop(), 0);
  }
  EXPECT_THAT(log.text(), AllOf(HasSubstr("WRONGPASS"), HasSubstr("Redis is back"),
                                Not(HasSubstr(first)), Not(HasSubstr(second))));
  EXPECT_TRUE(look().audit().balanced());
}

TEST_F(AccessSecretsTest, AWorkerThatStartsWithAWrongPasswordStops) {
  write("wrong-secret");
  testing::internal::CaptureStderr();
  std::atomic<int> done{0};
  RunningWorker worker(working(), counting(done));
  EXPECT_EQ(worker.join(), 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("Redis refuses; stopping"), HasSubstr("WRONGPASS"),
                    Not(HasSubstr("wrong-secret"))));
}

TEST_F(AccessSecretsTest, AFileThatCannotBeReadIsRefusedAtOnce) {
  RedisOptions redis = by_file(Role::producer);
  redis.password_file = folder_ + "/missing";
  const Error missing = error_from([&] { redis.validate(); });
  EXPECT_EQ(missing.code(), ErrorCode::invalid_argument);
  EXPECT_THAT(missing.what(), AllOf(HasSubstr("password_file"), HasSubstr("/missing")));
  redis = by_file(Role::producer);
  redis.url = as(Role::producer).url;
  const Error twice = error_from([&] { redis.validate(); });
  EXPECT_EQ(twice.code(), ErrorCode::invalid_argument);
  EXPECT_THAT(twice.what(), Not(HasSubstr(password)));
}

TEST_F(AccessSecretsTest, AFileThatIsEmptyForAMomentIsTriedAgain) {
  Client client(producer_options());
  client.enqueue(Note{"before"});
  std::ofstream(path(), std::ios::trunc) << "";
  cut();
  Receipt receipt = client.enqueue_async(Note{"after"});
  ASSERT_TRUE(eventually([&] { return client.stats().reconnects > 0 || receipt.ready(); }));
  EXPECT_FALSE(receipt.ready());
  write(first);
  const EnqueueResult result = receipt.get();
  EXPECT_TRUE(result) << (result.error ? result.error->what() : "");
}

// Everything that a worker says at its most talkative, and every message of an error.
TEST_F(AccessSecretsTest, NothingThatIsToldShowsAPasswordOrAPayload) {
  constexpr const char* payload = "payload-of-a-customer";
  const CaughtStderr log(folder_ + "/stderr");
  std::string told;
  {
    Client client(producer_options());
    Handlers handlers;
    HandlerOptions once;
    once.max_attempts = 1;
    handlers.on<Note>([](const JobContext&, const Note&) { throw std::runtime_error("declined"); },
                      once);
    RunningWorker worker(working(), std::move(handlers));
    client.enqueue(Note{payload});
    client.enqueue_packed("note", std::string("\xc1") + payload);
    client.enqueue_packed("of_no_handler", payload);
    redis::Connection(options()).call({"XADD", keys.ready[1], "*", "e", payload});
    EXPECT_TRUE(eventually([&] { return look().counts().dead >= 3; }));
    const Error large =
        error_from([&] { client.enqueue(Note{std::string(9'000'000, 'x') + payload}); });
    told += large.what();
    give(Role::worker, second);
    cut();
    EXPECT_TRUE(eventually([&] { return log.has("WRONGPASS"); }));
    for (const auto& info : look().jobs(JobState::dead).jobs) told += info.reason + '\n';
    for (const Role role : {Role::viewer, Role::worker}) {
      told += error_from([&] { Client(producing(role)).enqueue(Note{payload}); }).what();
    }
  }
  told += log.text();
  EXPECT_THAT(told, AllOf(HasSubstr("NOPERM"), HasSubstr("cannot be decoded")));
  EXPECT_THAT(told, Not(HasSubstr(payload)));
  for (const char* secret : {first, second, password}) EXPECT_THAT(told, Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace ferry::test
