#pragma once

#include <unistd.h>

#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "redis/connection.hpp"
#include "scratch_folder.hpp"
#include "support/child.hpp"
#include "support/ledger.hpp"
#include "support/replica_set.hpp"
#include "support/wait.hpp"

namespace ferry::test {

/// Sentinels on the loopback interface that watch a ReplicaSet under the name "ferry" and are quick
/// to act. The test's `main` must lead its child's role `--sentinel` to `become_sentinel`.
///
/// Threads: one thread at a time.
class SentinelSet {
 public:
  static constexpr const char* master_name = "ferry";

  /// `watched` is the server that they take for the master.
  SentinelSet(ReplicaSet& servers, std::size_t count, std::size_t watched = 0) : servers_(servers) {
    ports_ = free_ports(count);
    for (std::size_t i = 0; i < count; ++i) {
      configure(i, servers.port(watched), count / 2 + 1);
      children_.push_back(
          std::make_unique<Child>(std::vector<std::string>{"--sentinel", file(i, ".conf")}));
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (!eventually([&] { return hurry(i); })) throw std::runtime_error("no sentinel answers");
    }
  }

  /// In the child.
  static int become_sentinel(const char* configuration) {
    Child::die_with_parent();
    for (const char* server : {"redis-server", "valkey-server"}) {
      ::execlp(server, server, configuration, "--sentinel", nullptr);
    }
    return 127;
  }

  std::string url(const std::string& name = master_name) const {
    std::string url = "redis-sentinel://";
    for (const int port : ports_) {
      if (url.back() != '/') url += ',';
      url += "127.0.0.1:" + std::to_string(port);
    }
    return url + "/" + name;
  }

  /// Waits until each knows the other sentinels and that many replicas: only then it can fail over.
  bool ready(std::size_t replicas) {
    return eventually([&] {
      for (std::size_t i = 0; i < ports_.size(); ++i) {
        if (field(i, "num-slaves") != std::to_string(replicas) ||
            field(i, "num-other-sentinels") != std::to_string(ports_.size() - 1)) {
          return false;
        }
      }
      return true;
    });
  }

  /// Waits until all of them name another master than this one.
  ///
  /// Returns: its number among the servers, or nothing.
  std::optional<std::size_t> wait_for_another_than(std::size_t old_master) {
    const bool changed = eventually(
        [&] {
          for (std::size_t i = 0; i < ports_.size(); ++i) {
            if (field(i, "port") == std::to_string(servers_.port(old_master))) return false;
          }
          return true;
        },
        std::chrono::seconds{60});
    if (!changed) return std::nullopt;
    return servers_.number_at(std::stoi(field(0, "port")));
  }

  void kill(std::size_t i) {
    children_[i]->signal(SIGKILL);
    children_[i]->wait();
  }

 private:
  std::string file(std::size_t i, const std::string& ending) const {
    return folder_.file("sentinel-" + std::to_string(i) + ending);
  }

  void configure(std::size_t i, int master_port, std::size_t quorum) const {
    const std::string name = master_name;
    std::ofstream out(file(i, ".conf"));
    out << "port " << ports_[i] << "\nbind 127.0.0.1\ndir " << folder_.file("") << "\nlogfile "
        << file(i, ".log") << "\nsentinel monitor " << name << " 127.0.0.1 " << master_port << ' '
        << quorum << "\nsentinel down-after-milliseconds " << name
        << " 500\nsentinel failover-timeout " << name << " 3000\n";
  }

  std::string address(std::size_t i) const {
    return "redis://127.0.0.1:" + std::to_string(ports_[i]);
  }

  /// Shortens the periods of a sentinel, which are seconds. Five ping periods must be longer than
  /// the second that is between two looks at a replica, or all replicas are too little known.
  bool hurry(std::size_t i) const {
    try {
      redis::Connection sentinel({.url = address(i)});
      return !sentinel
                  .command({"SENTINEL", "DEBUG", "INFO-PERIOD", "300", "PING-PERIOD", "300",
                            "ASK-PERIOD", "100", "PUBLISH-PERIOD", "200"})
                  ->root()
                  .is_error();
    } catch (const Error&) {
      return false;
    }
  }

  /// Returns: what a sentinel says of the master; empty when it does not answer.
  std::string field(std::size_t i, std::string_view wanted) const {
    try {
      redis::Connection sentinel({.url = address(i)});
      const auto answer = sentinel.call({"SENTINEL", "MASTER", master_name});
      const redis::Reply& reply = answer->root();
      for (std::size_t at = 0; at + 1 < reply.size; at += 2) {
        if (reply[at].text == wanted) return std::string(reply[at + 1].text);
      }
    } catch (const Error&) {
    }
    return {};
  }

  ReplicaSet& servers_;
  ScratchFolder folder_;
  std::vector<int> ports_;
  std::vector<std::unique_ptr<Child>> children_;
};

}  // namespace ferry::test
