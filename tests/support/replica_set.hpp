#pragma once

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "ferry/private_redis.hpp"
#include "redis/connection.hpp"
#include "redis/server_info.hpp"
#include "support/redis_test.hpp"
#include "support/send_signal.hpp"
#include "support/wait.hpp"

namespace ferry::test {

/// Returns: so many ports of the loopback interface at which nobody listens, below those that the
/// kernel gives to outgoing connections.
inline std::vector<int> free_ports(std::size_t count) {
  std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> ports(20'000, 32'000);
  std::vector<int> found;
  std::vector<int> sockets;  // held until all are found, so that none is found twice
  for (int tries = 0; found.size() < count && tries < 1000; ++tries) {
    const int port = ports(random);
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockets.push_back(probe);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    if (::bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      found.push_back(port);
    }
  }
  for (const int probe : sockets) ::close(probe);
  if (found.size() < count) throw std::runtime_error("no free ports on the loopback interface");
  return found;
}

/// A primary (number 0) and its replicas on the loopback interface; each has its unix socket too.
///
/// Threads: one thread at a time.
class ReplicaSet {
 public:
  /// Returns: null after the test was marked as skipped or failed (see start_redis).
  static std::unique_ptr<ReplicaSet> start(std::size_t replicas,
                                           const std::vector<std::string>& more_arguments = {}) {
    auto set = std::unique_ptr<ReplicaSet>(new ReplicaSet);
    set->ports_ = free_ports(replicas + 1);
    for (std::size_t i = 0; i <= replicas; ++i) {
      std::vector<std::string> arguments{"--port",
                                         std::to_string(set->ports_[i]),
                                         "--bind",
                                         "127.0.0.1",
                                         "--repl-diskless-sync-delay",
                                         "0",
                                         "--repl-ping-replica-period",
                                         "1"};
      if (i > 0) {
        arguments.insert(arguments.end(),
                         {"--replicaof", "127.0.0.1", std::to_string(set->ports_[0])});
      }
      arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
      auto server = start_redis({.arguments = arguments});
      if (!server) return nullptr;
      set->servers_.push_back(std::move(server));
    }
    if (!set->in_touch(0, replicas)) throw std::runtime_error("the replicas do not come in touch");
    return set;
  }

  std::size_t size() const { return servers_.size(); }
  PrivateRedis& operator[](std::size_t i) { return *servers_[i]; }
  int port(std::size_t i) const { return ports_[i]; }
  /// Returns: its number among the servers.
  std::size_t number_at(int port) const {
    for (std::size_t i = 0; i < ports_.size(); ++i) {
      if (ports_[i] == port) return i;
    }
    throw std::out_of_range("no server of the set has port " + std::to_string(port));
  }

  /// Waits until that many replicas follow this server, up to date with their first copy.
  bool in_touch(std::size_t primary, std::size_t replicas) {
    return eventually([&] {
      const auto info = replication(primary);
      std::size_t online = 0;
      for (const auto& [name, value] : info) {
        if (name.starts_with("slave") && value.find("state=online") != std::string::npos) ++online;
      }
      return online >= replicas;
    });
  }

  redis::ServerInfo replication(std::size_t i) {
    redis::Connection admin({.url = servers_[i]->url()});
    return redis::server_info(admin, "replication").value();
  }

  /// It neither receives nor answers; what is sent to it waits in the kernel.
  void freeze(std::size_t i) { send_signal(servers_[i]->pid(), SIGSTOP); }
  void thaw(std::size_t i) { send_signal(servers_[i]->pid(), SIGCONT); }
  void thaw_all() {
    for (const auto& server : servers_) {
      if (server->pid() > 0) send_signal(server->pid(), SIGCONT);
    }
  }

  /// From now on nothing that this primary writes reaches a replica, not even the kernel of one.
  void cut_off(std::size_t primary) {
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      if (i != primary && servers_[i]->pid() > 0) freeze(i);
    }
    redis::Connection admin({.url = servers_[primary]->url()});
    admin.call({"CLIENT", "KILL", "TYPE", "replica"});
  }

 private:
  ReplicaSet() = default;

  std::vector<int> ports_;
  std::vector<std::unique_ptr<PrivateRedis>> servers_;
};

}  // namespace ferry::test
