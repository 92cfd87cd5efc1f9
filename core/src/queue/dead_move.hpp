#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/error.hpp"
#include "queue/dead_parts.hpp"
#include "queue/queue_impl.hpp"

namespace ferry::detail {

/// What is done with dead letters, some at a time. What is wrong with one concerns no other.
///
/// Threads: one thread at a time.
class DeadMove {
 public:
  DeadMove(redis::Connection& connection, const Keys& keys);
  virtual ~DeadMove() = default;
  DeadMove(const DeadMove&) = delete;
  DeadMove& operator=(const DeadMove&) = delete;

  /// Jobs that were moved or dropped so far.
  std::int64_t jobs() const { return jobs_; }
  /// `now_ms`: by the clock of Redis.
  void act(std::span<const std::string> names, std::uint64_t now_ms);
  /// Returns: names of letters that the last `act` made of others and left there.
  std::vector<std::string> made() const;
  /// Returns: whether a letter stays because it was not asked for.
  bool passed(const std::string& name) const { return passed_.contains(name); }
  /// Returns: why a letter is where it was.
  DeadLeft left_behind(const std::string& name) const;

 protected:
  virtual void act_on(std::span<const std::string> names, std::span<const std::int64_t> sizes) = 0;

  /// Calls Redis about some letters. Returns: whether it went well; else why is known of each.
  template <typename Call>
  bool try_on(std::span<const std::string> names, Call call) {
    try {
      jobs_ += call();
      return true;
    } catch (const Error& error) {
      if (concerns_all(error)) throw;
      for (const std::string& name : names) why_[name] = error.what();
      return false;
    }
  }
  void done_with(const std::string& name) { why_.erase(name); }

  /// Makes a letter of each part. Returns: their names; none when that was refused.
  std::vector<std::string> split(const std::string& name, std::vector<DeadPart>& parts);
  /// Takes note of what a letter holds, and why it is not taken.
  void note(const std::string& name, const DeadPart& part);

  redis::Connection& connection_;
  const Keys& keys_;
  std::uint64_t now_ms_ = 0;
  std::int64_t jobs_ = 0;

 private:
  struct Contents {
    std::int64_t jobs = 1;
    std::vector<std::string> kinds;
    bool expired = false;
  };

  std::map<std::string, std::string> why_;
  std::map<std::string, Contents> contents_;
  std::set<std::string> passed_;
  std::set<std::string> made_;
  wire::JobIdSource fresh_ids_;
};

/// Puts them back to the queue.
std::unique_ptr<DeadMove> dead_retry(redis::Connection& connection, const Keys& keys,
                                     const RetryOptions& options);
/// Removes them.
std::unique_ptr<DeadMove> dead_drop(redis::Connection& connection, const Keys& keys,
                                    const DeadFilter& only);

}  // namespace ferry::detail
