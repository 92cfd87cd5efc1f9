#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace ferry::test {

inline sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("path too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

/// Returns: a socket connected to the one at `path`, or -1.
inline int connect_to(const std::string& path) {
  const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = unix_address(path);
  if (::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return made;
  }
  ::close(made);
  return -1;
}

/// A place to connect to that can be closed and opened again: a unix socket, or, without a path, a
/// port of this machine.
///
/// Threads: one thread at a time.
class Listener {
 public:
  explicit Listener(std::string path = {}) : path_(std::move(path)) {}
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  bool is_tcp() const { return path_.empty(); }
  bool is_open() const { return socket_ >= 0; }
  int descriptor() const { return socket_; }
  std::string url() const {
    return is_tcp() ? "redis://127.0.0.1:" + std::to_string(port_) : "unix://" + path_;
  }

  void open() {
    if (is_open()) return;
    if ((is_tcp() ? bind_port() : bind_path()) != 0 || ::listen(socket_, 64) != 0) {
      throw std::runtime_error("cannot listen: " + std::string(std::strerror(errno)));
    }
  }

  /// From now on whoever connects is refused.
  void close() {
    if (!is_open()) return;
    ::close(std::exchange(socket_, -1));
    if (!is_tcp()) ::unlink(path_.c_str());
  }

  int accept() const {
    const int made = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    const int on = 1;
    if (is_tcp()) ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return made;
  }

 private:
  int bind_path() {
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = unix_address(path_);
    return ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }

  int bind_port() {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int bound = ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    return bound;
  }

  const std::string path_;
  std::uint16_t port_ = 0;
  int socket_ = -1;
};

}  // namespace ferry::test
