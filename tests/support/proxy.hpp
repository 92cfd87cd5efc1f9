#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/listener.hpp"

namespace ferry::test {

/// Stands between clients and a server on a unix socket, and is the network at its worst: it cuts
/// connections at a byte, holds what is under way, delays it, hands it out in crumbs, goes silent.
///
/// Threads: all functions from any thread.
class Proxy {
 public:
  using Clock = std::chrono::steady_clock;

  /// Listens on a unix socket. `path` must not exist yet; the folder of a PrivateRedis is a good
  /// place. What it cuts ends without an error.
  Proxy(std::string upstream_path, std::string path)
      : upstream_path_(std::move(upstream_path)), listener_(std::move(path)) {
    start();
  }
  /// Listens on a port of this machine. What it cuts is reset.
  explicit Proxy(std::string upstream_path) : upstream_path_(std::move(upstream_path)) { start(); }

  ~Proxy() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      wake();
    }
    thread_.join();
    drop_all();
    ::close(wake_);
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  std::string url() const { return listener_.url(); }

  /// Lets that many more bytes of replies through, then cuts the connection that carries the next
  /// one (0: with the first byte), once.
  void cut_after(std::int64_t reply_bytes) {
    change([&] { cut_ = {Cut::Where::any_reply, {}, reply_bytes}; });
  }
  /// Cuts a connection behind so many bytes of the reply to a request with this word in it, once;
  /// shorter replies pass. What was sent in one piece counts as one request.
  void cut_reply_to(std::string word, std::int64_t reply_bytes) {
    change([&] { cut_ = {Cut::Where::reply_to, std::move(word), reply_bytes}; });
  }
  /// Cuts a connection behind so many bytes of a request with this word in it, once; shorter
  /// requests pass. A negative number leaves that many bytes out at its end.
  void cut_request_with(std::string word, std::int64_t request_bytes) {
    change([&] { cut_ = {Cut::Where::request, std::move(word), request_bytes}; });
  }
  /// Returns: whether the cut that was asked for has not happened yet.
  bool cut_pending() const {
    const std::lock_guard lock(mutex_);
    return cut_.where != Cut::Where::none;
  }
  void never_cut() {
    change([&] { cut_ = {}; });
  }

  /// The server's machine is off: connections are cut, new ones refused.
  void refuse() {
    change([&] {
      drop_all();
      listener_.close();
    });
  }
  void accept_again() {
    change([&] { listener_.open(); });
  }
  /// Cuts every connection of this moment.
  ///
  /// Returns: how many of them were in the middle of a request.
  int cut_all() {
    int cut = 0;
    change([&] {
      for (const Pair& pair : pairs_) cut += pair.request.waiting.empty() ? 0 : 1;
      drop_all();
    });
    return cut;
  }
  /// Nothing passes and nothing is lost, as when packets are sent again and again; also for new
  /// connections, until `let_go`.
  void hold() {
    change([&] { held_ = true; });
  }
  void let_go() {
    change([&] { held_ = false; });
  }
  /// The connections of this moment stay open and carry nothing any more, in either direction:
  /// neither side is told. Later ones work.
  void vanish() {
    change([&] {
      for (Pair& pair : pairs_) pair.silent = true;
    });
  }
  /// Each way, from now on.
  void delay(std::chrono::microseconds each_way) {
    change([&] { delay_ = each_way; });
  }
  /// Hands everything on in pieces of so many bytes at most, with a pause after each; 0 = whole.
  void crumble(std::size_t bytes, std::chrono::microseconds pause) {
    change([&] {
      piece_ = bytes;
      pause_ = pause;
    });
  }

  /// Bytes of replies let through so far.
  std::int64_t reply_bytes() const {
    const std::lock_guard lock(mutex_);
    return passed_;
  }
  /// Connections asked for so far, also while the server behind was away.
  int attempts() const {
    const std::lock_guard lock(mutex_);
    return attempts_;
  }

 private:
  struct Cut {
    enum class Where : std::uint8_t { none, any_reply, reply_to, request } where = Where::none;
    std::string word{};
    std::int64_t left = 0;
  };
  struct Chunk {
    Clock::time_point due;
    std::string bytes;
    std::size_t sent = 0;
  };
  struct Lane {
    int from = -1;
    int to = -1;
    std::deque<Chunk> waiting{};
    Clock::time_point not_before{};
    bool blocked = false;  ///< the receiver takes nothing more at the moment
  };
  struct Pair {
    Lane request;
    Lane reply;
    bool silent = false;
    std::string last_request{};
    std::int64_t replied = 0;  ///< bytes since then
    bool ending = false;       ///< closed as soon as everything that waits was sent
    bool ended = false;
  };

  template <typename Change>
  void change(Change make) {
    const std::lock_guard lock(mutex_);
    make();
    wake();
  }
  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
  }

  void start() {
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    listener_.open();
    thread_ = std::thread([this] { run(); });
  }

  void end(Pair& pair) const {
    const linger at_once{1, 0};
    // Only TCP knows a reset.
    if (listener_.is_tcp()) {
      ::setsockopt(pair.request.from, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    ::close(pair.request.from);
    ::close(pair.request.to);
    pair.ended = true;
  }

  void drop_all() {
    for (Pair& pair : pairs_) end(pair);
    pairs_.clear();
  }

  void accept_one() {
    const int client = listener_.accept();
    if (client < 0) return;
    ++attempts_;
    const int server = connect_to(upstream_path_);
    if (server < 0) {
      ::close(client);
      return;
    }
    Pair& pair = pairs_.emplace_back();
    pair.request.from = pair.reply.to = client;
    pair.request.to = pair.reply.from = server;
  }

  /// Takes in what has arrived; `is_reply` tells the direction.
  void take(Pair& pair, bool is_reply) {
    Lane& lane = is_reply ? pair.reply : pair.request;
    const ssize_t size = ::recv(lane.from, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
      pair.ending = true;
      return;
    }
    std::string bytes(buffer_.data(), static_cast<std::size_t>(size));
    const bool cut = is_reply ? cut_reply(pair, bytes) : cut_request(pair, bytes);
    if (is_reply) passed_ += static_cast<std::int64_t>(bytes.size());
    if (!bytes.empty()) lane.waiting.push_back({Clock::now() + delay_, std::move(bytes)});
    pair.ending = pair.ending || cut;
  }

  bool cut_request(Pair& pair, std::string& bytes) {
    pair.last_request = bytes;
    pair.replied = 0;
    if (cut_.where != Cut::Where::request || bytes.find(cut_.word) == std::string::npos) {
      return false;
    }
    const auto size = static_cast<std::int64_t>(bytes.size());
    const std::int64_t left = cut_.left < 0 ? size + cut_.left : cut_.left;
    if (left >= size || left < 0) return false;
    bytes.resize(static_cast<std::size_t>(left));
    cut_ = {};
    return true;
  }

  bool cut_reply(Pair& pair, std::string& bytes) {
    const auto size = static_cast<std::int64_t>(bytes.size());
    std::int64_t left = size;
    if (cut_.where == Cut::Where::any_reply) {
      left = cut_.left;
      cut_.left -= std::min(size, left);
    } else if (cut_.where == Cut::Where::reply_to &&
               pair.last_request.find(cut_.word) != std::string::npos) {
      left = cut_.left - pair.replied;
    }
    pair.replied += size;
    if (size <= left) return false;
    bytes.resize(static_cast<std::size_t>(left));
    cut_ = {};
    return true;
  }

  /// Sends what may go.
  ///
  /// Returns: when to look again; the largest time when there is nothing to wait for.
  Clock::time_point send(Pair& pair, Lane& lane, Clock::time_point now) const {
    lane.blocked = false;
    while (!lane.waiting.empty()) {
      Chunk& chunk = lane.waiting.front();
      const auto at = std::max(chunk.due, lane.not_before);
      if (at > now) return at;
      std::size_t size = chunk.bytes.size() - chunk.sent;
      if (piece_ > 0) size = std::min(size, piece_);
      const ssize_t sent =
          ::send(lane.to, chunk.bytes.data() + chunk.sent, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        lane.blocked = true;
        return Clock::time_point::max();
      }
      if (sent < 0) {
        pair.ending = true;
        lane.waiting.clear();
        break;
      }
      chunk.sent += static_cast<std::size_t>(sent);
      if (pause_.count() > 0) lane.not_before = now + pause_;
      if (chunk.sent == chunk.bytes.size()) lane.waiting.pop_front();
    }
    return Clock::time_point::max();
  }

  /// What was read before the other side closed is still delivered to it.
  Clock::time_point send_all() {
    auto next = Clock::time_point::max();
    const auto now = Clock::now();
    for (Pair& pair : pairs_) {
      if (pair.silent || held_) continue;
      next = std::min({next, send(pair, pair.request, now), send(pair, pair.reply, now)});
      if (pair.ending && pair.request.waiting.empty() && pair.reply.waiting.empty()) end(pair);
    }
    std::erase_if(pairs_, [](const Pair& pair) { return pair.ended; });
    return next;
  }

  static short events_of(const Pair& pair, const Lane& reads, const Lane& writes) {
    const bool takes = !pair.ending && reads.waiting.size() < 64;
    return static_cast<short>((takes ? POLLIN : 0) | (writes.blocked ? POLLOUT : 0));
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      const auto next = send_all();
      std::vector<pollfd> watched{{wake_, POLLIN, 0}};
      if (listener_.is_open() && !held_) watched.push_back({listener_.descriptor(), POLLIN, 0});
      const std::size_t first = watched.size();
      std::vector<Pair*> pairs;
      for (Pair& pair : pairs_) {
        if (held_ || pair.silent) continue;
        pairs.push_back(&pair);
        const short client = events_of(pair, pair.request, pair.reply);
        const short server = events_of(pair, pair.reply, pair.request);
        // Without a wish the number is negative, and poll passes over it: a hang-up would wake us.
        watched.push_back({client == 0 ? -1 : pair.request.from, client, 0});
        watched.push_back({server == 0 ? -1 : pair.reply.from, server, 0});
      }
      const timespec nap = time_until(next);
      lock.unlock();
      ::ppoll(watched.data(), watched.size(), next == Clock::time_point::max() ? nullptr : &nap,
              nullptr);
      lock.lock();
      std::uint64_t count = 0;
      // A change may have ended the pairs that were polled: look at them again.
      if (::read(wake_, &count, sizeof count) > 0) continue;
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        if ((watched[first + 2 * i].revents & ~POLLOUT) != 0) take(*pairs[i], false);
        if ((watched[first + 2 * i + 1].revents & ~POLLOUT) != 0) take(*pairs[i], true);
      }
      if (first == 2 && watched[1].revents != 0) accept_one();
    }
  }

  static timespec time_until(Clock::time_point at) {
    if (at == Clock::time_point::max()) return {};
    const auto left = std::max<std::chrono::nanoseconds>(at - Clock::now(), {});
    return {left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  }

  const std::string upstream_path_;
  Listener listener_;
  int wake_ = -1;
  mutable std::mutex mutex_;
  bool ending_ = false;
  std::list<Pair> pairs_;
  std::array<char, 65536> buffer_{};
  Cut cut_;
  bool held_ = false;
  std::chrono::microseconds delay_{0};
  std::size_t piece_ = 0;
  std::chrono::microseconds pause_{0};
  std::int64_t passed_ = 0;
  int attempts_ = 0;
  std::thread thread_;
};

}  // namespace ferry::test
