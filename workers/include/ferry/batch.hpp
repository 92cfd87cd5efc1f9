#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ferry/job.hpp"
#include "ferry/outcome.hpp"
#include "ferry/policy.hpp"

namespace ferry {

/// What is known of a job besides its payload. Views live as long as the handler's call (for
/// asynchronous handlers: until completion).
struct JobContext {
  JobId id;
  std::string_view kind;
  std::string_view queue;
  Priority priority = Priority::normal;
  /// 1 for the first run; a run that reported an outcome counts.
  int attempt = 1;
  /// 0 unless a worker died while this job ran.
  int deliveries = 0;
  std::chrono::system_clock::time_point enqueued_at;
  /// `time_point::max()` = never expires.
  std::chrono::system_clock::time_point expires_at = std::chrono::system_clock::time_point::max();
  std::string_view traceparent;
  std::string_view batch_key;
  /// In the order of their keys; empty for most jobs.
  std::vector<std::pair<std::string_view, std::string_view>> headers;
};

namespace detail {

/// One job of a batch, before its payload is decoded; its outcome is written here.
struct RawItem {
  const JobContext* context = nullptr;
  std::string_view payload;
  Outcome outcome;
  bool marked = false;  ///< the handler said something about this job
};

/// A batch as the graph carries it.
struct RawBatch {
  std::uint64_t id = 0;
  LeaveReason reason = LeaveReason::idle;
  std::vector<RawItem> items;
};

/// Decodes a payload under limits, for msgpack-c to make a struct of. Strings in the object point
/// into the payload, lists into the zone.
///
/// Errors: throws msgpack's exceptions.
msgpack::object unpack_payload(std::string_view payload, msgpack::zone& zone);

}  // namespace detail

/// One job of a batch: the decoded payload, its context, and the words that settle it.
template <typename T>
class BatchItem {
 public:
  BatchItem(T job, detail::RawItem& raw) : job_(std::move(job)), raw_(&raw) {}

  const T& job() const { return job_; }
  const T& operator*() const { return job_; }
  const T* operator->() const { return &job_; }
  const JobContext& context() const { return *raw_->context; }

  void done() { mark({}); }
  void retry(std::string reason) { mark(ferry::retry(std::move(reason))); }
  /// Errors: `invalid_argument` for a negative delay; the job is not marked then.
  void retry_after(std::chrono::milliseconds delay, std::string reason) {
    mark(ferry::retry_after(delay, std::move(reason)));
  }
  void fail(std::string reason) { mark(ferry::fail(std::move(reason))); }

 private:
  void mark(Outcome outcome) {
    raw_->outcome = std::move(outcome);
    raw_->marked = true;
  }

  T job_;
  detail::RawItem* raw_;
};

/// 1..N jobs of one kind and one batch key, formed in the worker.
///
/// A job that is not marked is done when the handler returns. If the handler throws, jobs already
/// marked keep their mark; the others are tried in smaller groups (idempotent handlers) or retried.
/// Jobs whose payload cannot be decoded never get here: they are dead letters.
template <typename T>
class Batch {
 public:
  Batch(std::uint64_t id, LeaveReason reason) : id_(id), reason_(reason) {}

  /// Stable while this batch runs; not across retries.
  std::uint64_t id() const { return id_; }
  LeaveReason reason() const { return reason_; }

  std::size_t size() const { return items_.size(); }
  BatchItem<T>& operator[](std::size_t i) { return items_[i]; }
  const BatchItem<T>& operator[](std::size_t i) const { return items_[i]; }
  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

  /// For Ferry's own use and for tests of handlers.
  void add(T job, detail::RawItem& raw) { items_.emplace_back(std::move(job), raw); }
  void reserve(std::size_t jobs) { items_.reserve(jobs); }

 private:
  std::uint64_t id_;
  LeaveReason reason_;
  std::vector<BatchItem<T>> items_;
};

}  // namespace ferry
