#include "redis/socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <system_error>

#include "ferry/error.hpp"
#include "redis/hiredis_compat.hpp"

namespace ferry::redis {
namespace {

// A peer that vanished without a word is noticed after 15 + 3 * 5 seconds.
constexpr int keepalive_idle_seconds = 15;
constexpr int keepalive_interval_seconds = 5;
constexpr int keepalive_probes = 3;

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};

void set_option(int fd, int level, int name, int value) {
  // Best effort: a socket without the option still works, it only notices a dead peer later.
  ::setsockopt(fd, level, name, &value, sizeof value);
}

void set_options(int fd, bool tcp) {
  // Programs that we start must not hold our connection open.
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (!tcp) return;
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive_idle_seconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, keepalive_interval_seconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, keepalive_probes);
}

std::string text_of(int error_number) {
  return std::error_code(error_number, std::generic_category()).message();
}

}  // namespace

struct Socket::Impl {
  // Another thread only ever touches these two, never the socket, whose number may be reused.
  std::atomic<bool> interrupted = false;
  int wake_fd = -1;

  std::unique_ptr<redisContext, FreeContext> context;
  std::string name;
};

Socket::Socket() : impl_(std::make_unique<Impl>()) {
  impl_->wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (impl_->wake_fd < 0) {
    throw Error(ErrorCode::unavailable, "cannot open an eventfd: " + text_of(errno) +
                                            "; raise the limit on open files (ulimit -n)");
  }
}

Socket::~Socket() { ::close(impl_->wake_fd); }

void Socket::connect(const Endpoint& endpoint, std::chrono::milliseconds timeout) {
  close();
  impl_->name = endpoint.redacted();
  impl_->interrupted.store(false);
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t drained = ::read(impl_->wake_fd, &count, sizeof count);

  const auto microseconds = std::chrono::microseconds(timeout).count();
  const timeval wait{.tv_sec = microseconds / 1'000'000, .tv_usec = microseconds % 1'000'000};
  const bool tcp = endpoint.socket_path.empty();
  std::unique_ptr<redisContext, FreeContext> context(
      tcp ? redisConnectWithTimeout(endpoint.host.c_str(), endpoint.port, wait)
          : redisConnectUnixWithTimeout(endpoint.socket_path.c_str(), wait));
  if (!context) throw std::bad_alloc{};
  if (context->err != 0) {
    throw Error(ErrorCode::unavailable,
                "cannot connect to " + impl_->name + " within " + std::to_string(timeout.count()) +
                    " ms: " + static_cast<const char*>(context->errstr) +
                    "; check that Redis runs there and that the URL is right");
  }
  set_options(context->fd, tcp);
  impl_->context = std::move(context);
}

bool Socket::connected() const { return impl_->context != nullptr; }

void Socket::close() { impl_->context.reset(); }

std::size_t Socket::send_some(std::span<iovec> pieces, Deadline deadline) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = std::min<std::size_t>(pieces.size(), IOV_MAX);
  while (true) {
    check_interrupt();
    const ssize_t sent = ::sendmsg(impl_->context->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) return static_cast<std::size_t>(sent);
    if (errno == EPIPE || errno == ECONNRESET) return 0;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait_for(POLLOUT, deadline);
    } else if (errno != EINTR) {
      fail("cannot write to", errno, "connect again");
    }
  }
}

std::size_t Socket::receive_some(char* to, std::size_t room, Deadline deadline) {
  while (true) {
    check_interrupt();
    const ssize_t received = ::recv(impl_->context->fd, to, room, MSG_DONTWAIT);
    if (received > 0) return static_cast<std::size_t>(received);
    if (received == 0) {
      fail("the connection was closed by", 0, "Redis ended or dropped us: see its log");
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait_for(POLLIN, deadline);
    } else if (errno != EINTR) {
      fail("cannot read from", errno, "connect again");
    }
  }
}

void Socket::wait_for(short events, Deadline deadline) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd watched[2] = {{.fd = impl_->context->fd, .events = events, .revents = 0},
                         {.fd = impl_->wake_fd, .events = POLLIN, .revents = 0}};
    const auto timeout = std::clamp<std::int64_t>(left.count(), 0, INT_MAX);
    const int ready = ::poll(watched, 2, static_cast<int>(timeout));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) fail("cannot wait for", errno, "connect again");
    check_interrupt();
    if (watched[0].revents != 0) return;
    if (ready == 0 && timeout < INT_MAX) {
      fail("no answer in time from", ETIMEDOUT,
           "see whether Redis is overloaded or stopped, or raise RedisOptions::command_timeout");
    }
    // An interrupt of an earlier connection woke us late: `connect` has already forgotten it.
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t drained = ::read(impl_->wake_fd, &count, sizeof count);
  }
}

void Socket::interrupt() {
  impl_->interrupted.store(true);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(impl_->wake_fd, &one, sizeof one);
}

void Socket::check_interrupt() const {
  if (impl_->interrupted.load()) {
    throw Error(ErrorCode::stopped, "waiting for " + impl_->name + " was interrupted");
  }
}

void Socket::fail(const std::string& what, int error_number, std::string_view next_step) {
  std::string message = what + ' ' + impl_->name;
  if (error_number != 0) message += ": " + text_of(error_number);
  message += "; ";
  message += next_step;
  throw Error(ErrorCode::unavailable, message);
}

}  // namespace ferry::redis
