#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <set>
#include <thread>

#include "ferry/queues.hpp"
#include "support/client_fixture.hpp"
#include "support/running_worker.hpp"

namespace ferry::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

/// Forks; the child does its part and ends with what it returns.
///
/// Returns: the child's exit code; -1 when a signal ended it, as it does after 20 s.
int in_child(const auto& act) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(20);
    int code = 99;
    try {
      code = act();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the child: %s\n", error.what());
    }
    ::_exit(code);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Returns: whether the act throws `stopped` with the ids of this process and of its parent.
bool is_refused(const auto& act) {
  try {
    act();
  } catch (const Error& error) {
    const std::string said = error.what();
    return error.code() == ErrorCode::stopped &&
           said.find("process " + std::to_string(::getppid())) != std::string::npos &&
           said.find("process " + std::to_string(::getpid())) != std::string::npos;
  }
  return false;
}

/// Returns: 0 when all that a child might do with a client of its parent is refused.
int use_of_another(Client& client) {
  const std::vector<Note> notes(3);
  if (!is_refused([&] { client.enqueue(Note{}); })) return 1;
  if (!is_refused([&] { static_cast<void>(client.enqueue_async(Note{})); })) return 2;
  if (!is_refused([&] { static_cast<void>(client.enqueue_all(notes)); })) return 3;
  if (!is_refused([&] { client.flush(); })) return 4;
  if (!is_refused([&] { client.stats(); })) return 5;
  if (!is_refused([&] { client.hint("default"); })) return 6;
  return 0;
}

class ForkTest : public RedisTest {
 protected:
  int enqueue_with_new_client(int jobs) const {
    Client client(client_options());
    for (int i = 0; i < jobs; ++i) client.enqueue(Note{i});
    return 0;
  }

  /// Every job that is stored has an id of its own.
  std::size_t distinct() const {
    std::set<JobId> ids;
    for (const JobInfo& job : stored()) ids.insert(job.id);
    return ids.size();
  }
};

TEST_F(ForkTest, AClientIsRefusedInAChildAndGoesOnInItsParent) {
  for (const bool used_before : {false, true}) {
    Client client(client_options());
    const std::size_t before = stored().size();
    if (used_before) client.enqueue(Note{});
    EXPECT_EQ(in_child([&] {
                const int code = use_of_another(client);
                { const Client ended = std::move(client); }
                return code != 0 ? code : enqueue_with_new_client(3);
              }),
              0);
    client.enqueue(Note{});
    EXPECT_EQ(stored().size(), before + (used_before ? 1 : 0) + 4);
    EXPECT_EQ(distinct(), stored().size());
  }
}

TEST_F(ForkTest, AClientInUseIsNotDisturbedByForks) {
  std::atomic<std::size_t> told = 0;
  {
    Client client(client_options());
    std::atomic<bool> stop = false;
    std::vector<std::jthread> callers;
    for (int i = 0; i < 3; ++i) {
      callers.emplace_back([&, i] {
        while (!stop) {
          if (i == 0) {
            client.enqueue(Note{});
            ++told;
          } else {
            for (const auto& result : client.enqueue_all(std::vector<Note>(20))) {
              if (result) ++told;
            }
          }
        }
      });
    }
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(in_child([&] {
                  const int code = use_of_another(client);
                  { const Client ended = std::move(client); }
                  return code != 0 ? code : enqueue_with_new_client(5);
                }),
                0);
    }
    stop = true;
    callers.clear();
  }
  Queue queue(reach(), "default");
  EXPECT_EQ(queue.counts().accepted, static_cast<std::int64_t>(told) + 50);
  EXPECT_EQ(distinct(), told + 50);
}

TEST_F(ForkTest, AChildDoesNotWaitForAReceiptOfItsParent) {
  ClientOptions options = client_options();
  options.linger = 1s;
  Client client(options);
  const Receipt receipt = client.enqueue_async(Note{});
  EXPECT_EQ(in_child([&] {
              const EnqueueResult result = receipt.get();
              return !result && result.error->code() == ErrorCode::outcome_unknown ? 0 : 1;
            }),
            0);
  EXPECT_TRUE(receipt.get());
  EXPECT_EQ(in_child([&] { return receipt.get() ? 0 : 1; }), 0) << "what was known stays known";
}

TEST_F(ForkTest, AQueueThatIsConnectedIsRefusedInAChild) {
  enqueue_with_new_client(2);
  Queue queue(reach(), "default");
  Queue later(reach(), "default");
  Queues queues(reach());
  queues.connect();
  EXPECT_EQ(queue.counts().waiting, 2);
  EXPECT_EQ(in_child([&] {
              if (!is_refused([&] { queue.counts(); })) return 1;
              if (!is_refused([&] { queue.pause(); })) return 2;
              if (!is_refused([&] { queues.names(); })) return 3;
              return later.counts().waiting == 2 ? 0 : 4;
            }),
            0);
  EXPECT_EQ(queue.counts().waiting, 2);
  EXPECT_FALSE(queue.counts().paused);
}

TEST_F(ForkTest, AWorkerIsRefusedInAChildAndGoesOnInItsParent) {
  std::atomic<int> done = 0;
  std::atomic<int> child_codes = 0;
  Handlers handlers;
  Worker* self = nullptr;
  handlers.on<Note>([&](const JobContext&, const Note& note) {
    if (note.number == 1) {
      child_codes = in_child([&] {
        if (self->run() != 1) return 1;
        if (!is_refused([&] { self->stop(); })) return 2;
        if (!is_refused([&] { self->quiet(); })) return 3;
        return is_refused([&] { static_cast<void>(self->stats()); }) ? 0 : 4;
      });
    }
    ++done;
  });
  RunningWorker worker(worker_options(*redis), handlers);
  self = &*worker;
  enqueue_with_new_client(4);
  EXPECT_TRUE(eventually([&] { return done == 4; }));
  EXPECT_EQ(child_codes, 0);
  EXPECT_EQ(worker.stop(), 0);
}

TEST_F(ForkTest, AWorkerThatHasNotBegunSaysWhyItDoesNotRunInAChild) {
  Handlers handlers;
  handlers.on<Note>([](const JobContext&, const Note&) {});
  Worker worker(worker_options(*redis), handlers);
  testing::internal::CaptureStderr();
  const int code = in_child([&] { return worker.run() == 1 ? 0 : 1; });
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(code, 0);
  EXPECT_THAT(said, AllOf(HasSubstr("this worker was made by process " + std::to_string(getpid())),
                          HasSubstr("make and run a worker in the process that shall work")));
}

TEST_F(ForkTest, ASignalToAChildDoesNotStopTheWorkerOfItsParent) {
  std::atomic<int> done = 0;
  Handlers handlers;
  handlers.on<Note>([&](const JobContext&, const Note&) { ++done; });
  RunningWorker worker(worker_options(*redis), handlers);
  const StopOnSignal signals(*worker);
  EXPECT_EQ(in_child([] {
              ::raise(SIGTERM);
              return 0;
            }),
            -1)
      << "the signal means to a child what it means without Ferry";
  enqueue_with_new_client(3);
  EXPECT_TRUE(eventually([&] { return done == 3; }));
}

TEST_F(ForkTest, AChildLeavesTheServerOfItsParentAlone) {
  EXPECT_EQ(in_child([&] {
              if (!is_refused([&] { redis->kill(); })) return 1;
              redis.reset();
              return 0;
            }),
            0);
  EXPECT_EQ(enqueue_with_new_client(1), 0);
}

/// Enqueues when it is destroyed.
struct AtEnd {
  Client* client = nullptr;
  int number = 0;
  ~AtEnd() {
    if (client != nullptr) client->enqueue(Note{number});
  }
};

TEST_F(ForkTest, EnqueueIsSafeWhileAThreadOrTheProcessEnds) {
  Client client(client_options());
  // Made before the thread's first job and after it, so destroyed after it and before it.
  const auto thread = [&](bool first) {
    std::thread([&, first] {
      if (!first) client.enqueue(Note{0});
      thread_local AtEnd at_end;
      at_end.number = 1;
      at_end.client = &client;
      if (first) client.enqueue(Note{0});
    }).join();
  };
  for (int i = 0; i < 20; ++i) thread(i % 2 == 0);
  EXPECT_EQ(stored().size(), 40u);
  for (const bool first : {true, false}) {
    EXPECT_EQ(in_child([&]() -> int {
                static Client* own = nullptr;
                own = new Client(client_options());
                if (!first) own->enqueue(Note{2});
                static AtEnd at_end;
                at_end.client = own;
                thread_local AtEnd thread_end;
                thread_end.client = own;
                if (first) own->enqueue(Note{2});
                std::exit(7);
              }),
              7);
  }
  EXPECT_EQ(stored().size(), 46u);
}

}  // namespace
}  // namespace ferry::test
