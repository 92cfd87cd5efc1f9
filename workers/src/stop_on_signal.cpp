#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "ferry/error.hpp"
#include "ferry/worker.hpp"

namespace ferry {
namespace {

constexpr std::array caught{SIGTERM, SIGINT, SIGTSTP};

/// A signal handler can do little; it writes the signal's number into this pipe. A pipe and not a
/// signalfd, because threads that were started earlier have their own signal masks.
int pipe_to_thread = -1;
pid_t owner = -1;

void note(int signal) {
  if (::getpid() != owner) {
    // A child has the handler and the pipe, but the worker to be stopped is its parent's.
    ::signal(signal, SIG_DFL);
    ::raise(signal);
    return;
  }
  const int saved = errno;
  const auto byte = static_cast<unsigned char>(signal);
  [[maybe_unused]] const auto written = ::write(pipe_to_thread, &byte, 1);
  errno = saved;
}

}  // namespace

struct StopOnSignal::Impl {
  Worker& worker;
  std::array<int, 2> ends{-1, -1};
  std::array<struct sigaction, caught.size()> before{};
  std::thread thread;

  explicit Impl(Worker& stopped) : worker(stopped) {
    if (::pipe(ends.data()) != 0) {
      throw Error(ErrorCode::internal, std::string("cannot make a pipe: ") + std::strerror(errno));
    }
    pipe_to_thread = ends[1];
    owner = ::getpid();
    struct sigaction action {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    for (std::size_t i = 0; i < caught.size(); ++i) ::sigaction(caught[i], &action, &before[i]);
    thread = std::thread([this] { loop(); });
  }

  ~Impl() {
    for (std::size_t i = 0; i < caught.size(); ++i) ::sigaction(caught[i], &before[i], nullptr);
    note(0);
    thread.join();
    pipe_to_thread = -1;
    ::close(ends[0]);
    ::close(ends[1]);
  }

  void loop() {
    bool stopping = false;
    unsigned char signal = 0;
    while (::read(ends[0], &signal, 1) == 1 && signal != 0) {
      if (signal == SIGTSTP) {
        worker.quiet();
      } else if (stopping) {
        worker.stop_now();
      } else {
        worker.stop();
        stopping = true;
      }
    }
  }
};

StopOnSignal::StopOnSignal(Worker& worker) : impl_(std::make_unique<Impl>(worker)) {}
StopOnSignal::~StopOnSignal() {
  // In a child its thread is missing, and the pipe leads to the parent.
  if (::getpid() != owner) static_cast<void>(impl_.release());
}

}  // namespace ferry
