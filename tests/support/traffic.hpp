#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ferry/client.hpp"
#include "support/effects.hpp"

namespace ferry::test {

/// Producers in threads that hand tasks over, in bulks and one by one, until they are stopped. Each
/// job is numbered, and must be accepted.
class Traffic {
 public:
  Traffic(const ClientOptions& options, int producers) {
    for (int i = 0; i < producers; ++i) clients_.push_back(std::make_unique<Client>(options));
    for (auto& client : clients_) threads_.emplace_back([this, &client] { run(*client); });
  }
  ~Traffic() { stop(); }
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  /// Returns: jobs accepted; their numbers are all those from 0 on.
  int stop() {
    enough_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return accepted_;
  }
  int accepted() const { return accepted_; }
  std::uint64_t lost_calls() const {
    std::uint64_t lost = 0;
    for (const auto& client : clients_) lost += client->stats().lost_calls;
    return lost;
  }
  std::uint64_t reconnects() const {
    std::uint64_t times = 0;
    for (const auto& client : clients_) times += client->stats().reconnects;
    return times;
  }

 private:
  /// Every fourth bulk is large enough for a transaction.
  void run(Client& client) {
    for (int round = 0; !enough_; ++round) {
      const std::size_t bytes = round % 4 == 0 ? 300 : 10;
      std::vector<Task> tasks;
      for (int i = 0; i < 20; ++i) tasks.push_back({next_++, std::string(bytes, 'x')});
      for (const auto& result : client.enqueue_all(tasks)) {
        ASSERT_TRUE(result) << result.error->what();
        ++accepted_;
      }
      ASSERT_NO_THROW(client.enqueue(Task{next_++}));
      ++accepted_;
      // A producer that never rests would only measure the machine.
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }

  std::vector<std::unique_ptr<Client>> clients_;
  std::atomic<bool> enough_{false};
  std::atomic<int> next_{0};
  std::atomic<int> accepted_{0};
  std::vector<std::thread> threads_;
};

}  // namespace ferry::test
