#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <list>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace ferry::test {

/// Stands between a client and a server on unix sockets, and can cut their connection in the middle
/// of a reply.
///
/// Threads: all functions from any thread.
class Proxy {
 public:
  /// `path` must not exist yet; the folder of a PrivateRedis is a good place.
  Proxy(std::string upstream_path, std::string path)
      : upstream_path_(std::move(upstream_path)), path_(std::move(path)) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const sockaddr_un address = address_of(path_);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 16) != 0 || ::pipe(stop_) != 0) {
      throw std::runtime_error("the proxy cannot listen at " + path_ + ": " + std::strerror(errno));
    }
    thread_ = std::thread([this] { run(); });
  }

  ~Proxy() {
    ::close(stop_[1]);
    thread_.join();
    for (Pair& pair : pairs_) close_both(pair);
    ::close(listener_);
    ::close(stop_[0]);
    ::unlink(path_.c_str());
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  std::string url() const { return "unix://" + path_; }

  /// Lets that many more bytes of replies through, then cuts the connection that carries the next
  /// one (0: with the first byte), once.
  void cut_after(std::int64_t reply_bytes) { left_ = reply_bytes; }
  /// Returns: whether the cut that was asked for has not happened yet.
  bool cut_pending() const { return left_ >= 0; }
  void never_cut() { left_ = -1; }

  /// Bytes of replies let through so far.
  std::int64_t reply_bytes() const { return passed_; }

 private:
  struct Pair {
    int client = -1;
    int server = -1;
  };

  static sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("path too long: " + path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
  }

  static void close_both(Pair& pair) {
    if (pair.client >= 0) ::close(pair.client);
    if (pair.server >= 0) ::close(pair.server);
    pair = {};
  }

  static bool write_all(int to, const char* bytes, std::size_t size) {
    while (size > 0) {
      const ssize_t written = ::send(to, bytes, size, MSG_NOSIGNAL);
      if (written <= 0) return false;
      bytes += written;
      size -= static_cast<std::size_t>(written);
    }
    return true;
  }

  void accept_one() {
    Pair pair;
    pair.client = ::accept(listener_, nullptr, nullptr);
    pair.server = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const sockaddr_un address = address_of(upstream_path_);
    if (pair.client < 0 ||
        ::connect(pair.server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      close_both(pair);
      return;
    }
    pairs_.push_back(pair);
  }

  bool forward_request(const Pair& pair) {
    const ssize_t size = ::recv(pair.client, buffer_.data(), buffer_.size(), 0);
    return size > 0 && write_all(pair.server, buffer_.data(), static_cast<std::size_t>(size));
  }

  bool forward_reply(const Pair& pair) {
    const ssize_t size = ::recv(pair.server, buffer_.data(), buffer_.size(), 0);
    if (size <= 0) return false;
    const std::int64_t left = left_;
    const bool cut = left >= 0 && size > left;
    const auto pass = cut ? left : static_cast<std::int64_t>(size);
    if (!write_all(pair.client, buffer_.data(), static_cast<std::size_t>(pass))) return false;
    passed_ += pass;
    if (cut) {
      left_ = -1;
      return false;
    }
    if (left >= 0) left_ = left - pass;
    return true;
  }

  void run() {
    while (true) {
      std::vector<pollfd> waiting{{stop_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const Pair& pair : pairs_) {
        waiting.push_back({pair.client, POLLIN, 0});
        waiting.push_back({pair.server, POLLIN, 0});
      }
      ::poll(waiting.data(), waiting.size(), -1);
      if (waiting[0].revents != 0) return;
      std::size_t at = 2;
      for (Pair& pair : pairs_) {
        const bool request = waiting[at].revents != 0;
        const bool reply = waiting[at + 1].revents != 0;
        at += 2;
        if ((request && !forward_request(pair)) || (reply && !forward_reply(pair))) {
          close_both(pair);
        }
      }
      std::erase_if(pairs_, [](const Pair& pair) { return pair.client < 0; });
      if (waiting[1].revents != 0) accept_one();
    }
  }

  std::string upstream_path_;
  std::string path_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};
  std::list<Pair> pairs_;
  std::array<char, 65536> buffer_;
  std::atomic<std::int64_t> left_{-1};
  std::atomic<std::int64_t> passed_{0};
  std::thread thread_;
};

}  // namespace ferry::test
