#pragma once

#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "ferry/batch.hpp"
#include "ferry/field_rules.hpp"
#include "ferry/job.hpp"
#include "ferry/outcome.hpp"
#include "ferry/policy.hpp"

namespace ferry {

/// Exponential backoff with full jitter: the n-th retry waits a random time in
/// `[0, min(cap, base · 2^(n−1))]`.
///
/// Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
struct Backoff {
  /// Units: 1 ms..1 h.
  std::chrono::milliseconds base{1000};
  /// Units: `base`..366 days.
  std::chrono::milliseconds cap{600'000};
};

struct HandlerOptions {
  /// How many run at once; 0 = the worker's concurrency, else 1..1024. More than the worker's are
  /// cut to it, which it logs at start.
  std::size_t concurrency = 0;
  /// Run fewer of them at once while that gets as much done, as behind a database that is slower
  /// the more ask it; up to `concurrency` again when it has recovered. A handler more has to bring
  /// a quarter of its share. Found out under full load only, with run times compared per size of
  /// batch; see `WorkerStats::concurrency`. Without effect where only one may run.
  bool adaptive_concurrency = false;
  /// Attempts before a job becomes a dead letter: 1..1000. A job may carry its own.
  int max_attempts = 10;
  Backoff backoff{};
  /// The handler may see a job twice without harm: a batch that throws is then bisected at once
  /// instead of being retried job by job.
  bool idempotent = false;
  FieldRules fields{};

  /// Errors: `invalid_argument` with the field and the value.
  void validate() const;
};

/// Ends one asynchronous run; the first word counts, later ones are ignored. A completion that is
/// destroyed without a word means retry.
///
/// Threads: any.
class Completion {
 public:
  explicit Completion(std::function<void(Outcome)> end);
  void done() const { finish({}); }
  void retry(std::string reason) const { finish(ferry::retry(std::move(reason))); }
  /// Never throws, for its thread may have nobody to catch it: a negative delay means the backoff,
  /// and the job's reason says so.
  void retry_after(std::chrono::milliseconds delay, std::string reason) const;
  void fail(std::string reason) const { finish(ferry::fail(std::move(reason))); }
  void finish(Outcome outcome) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

namespace detail {

/// Refuses, while it compiles, a handler whose answer would be dropped. All handlers pass here, so
/// this is the one place that says what they may answer.
///
/// Returns: whether the handler answers with an `Outcome`.
template <typename F, typename... Arguments>
consteval bool answers_outcome() {
  using Answer = std::invoke_result_t<F&, Arguments...>;
  constexpr bool is_outcome = std::same_as<std::remove_cvref_t<Answer>, Outcome>;
  static_assert(
      std::is_void_v<Answer> || is_outcome,
      "a Ferry handler returns void (the job is done) or ferry::Outcome; any other answer "
      "would be dropped: return ferry::done(), ferry::retry(...) or ferry::fail(...), or "
      "throw to retry");
  return is_outcome;
}

/// The same for a handler that is given a `Completion`.
template <typename F, typename... Arguments>
consteval void require_no_answer() {
  static_assert(std::is_void_v<std::invoke_result_t<F&, Arguments...>>,
                "an asynchronous Ferry handler returns void; any answer would be dropped: tell the "
                "outcome with its ferry::Completion");
}

/// A handler without its types, as the graph runs it.
struct RawHandler {
  std::string kind;
  Policy policy;
  HandlerOptions options;
  bool per_job = false;
  /// Decodes and runs; fills the items' outcomes. Items whose payload cannot be decoded are marked
  /// `fail`. May throw whatever the user's code throws.
  std::function<void(RawBatch&)> run;
  /// Set instead of `run` for asynchronous handlers; always one item.
  std::function<void(RawItem&, Completion)> start;
};

/// Gives all items that are not marked the same outcome.
inline void mark_rest(RawBatch& batch, const Outcome& outcome) {
  for (RawItem& item : batch.items) {
    if (!item.marked) item.outcome = outcome;
    item.marked = true;
  }
}

/// Empties a thread's zone at the end of a call: a payload of many small values takes some thirty
/// times its size there, which an idle worker must not keep.
struct ClearAtEnd {
  msgpack::zone& zone;
  ~ClearAtEnd() { zone.clear(); }
};

/// Decodes one payload, or marks the item as failed and returns false; what was marked before it
/// came here (see stages/open.hpp) is left alone.
template <typename T>
bool decode(RawItem& item, T& job, msgpack::zone& zone) {
  if (item.marked) return false;
  try {
    zone.clear();
    unpack_payload(item.payload, zone).convert(job);
    return true;
  } catch (const std::exception& e) {
    item.outcome = ferry::fail(
        why_not_decoded(T::kind, item.payload, e.what(), [](const msgpack::object& object) {
          T tried;
          object.convert(tried);
        }));
    item.marked = true;
    return false;
  }
}

/// The same for a payload that must keep to rules; null = none.
template <typename T>
bool decode_checked(RawItem& item, T& job, msgpack::zone& zone, const FieldCheck* check) {
  if (check != nullptr && !item.marked) {
    std::string problem = check->problem(item.payload, zone);
    if (!problem.empty()) {
      item.outcome = ferry::fail(std::move(problem));
      item.marked = true;
      return false;
    }
  }
  return decode(item, job, zone);
}

}  // namespace detail

/// The kinds a worker knows and what it does with them. Plain set-up: fill it, give it to a Worker.
///
/// Errors: `invalid_argument` for a kind named twice, bad options or a bad policy.
class Handlers {
 public:
  /// One job a call: `void(const JobContext&, const T&)` or the same returning `Outcome`.
  template <Job T, typename F>
  requires std::invocable<F&, const JobContext&, const T&> Handlers& on(
      F handler, HandlerOptions options = {}) {
    return on<T>(realtime(), std::move(handler), std::move(options));
  }

  /// The same under another policy: jobs of a batch then run one after the other, which is how a
  /// per-job handler is compared with a batched one.
  template <Job T, typename F>
  requires std::invocable<F&, const JobContext&, const T&> Handlers& on(
      Policy policy, F handler, HandlerOptions options = {}) {
    constexpr bool answers = detail::answers_outcome<F, const JobContext&, const T&>();
    auto run = [handler = std::move(handler), check = detail::field_check_of<T>(options.fields)](
                   detail::RawBatch& batch) mutable {
      thread_local msgpack::zone zone;
      const detail::ClearAtEnd clear{zone};
      for (auto& item : batch.items) {
        T job;
        if (!detail::decode_checked(item, job, zone, check.get())) continue;
        try {
          if constexpr (answers) {
            item.outcome = handler(*item.context, job);
          } else {
            handler(*item.context, job);
          }
        } catch (const std::exception& e) {
          item.outcome = ferry::retry(e.what());
        } catch (...) {
          item.outcome = ferry::retry("an exception that is not a std::exception");
        }
        item.marked = true;
      }
    };
    add({std::string(T::kind), policy, std::move(options), true, std::move(run), {}});
    return *this;
  }

  /// Many jobs a call: `void(Batch<T>&)` or the same returning `Outcome`, which is then that of all
  /// jobs that the handler has not marked.
  template <Job T, typename F>
  requires std::invocable < F&, Batch<T>
  & > Handlers& on_batch(Policy policy, F handler, HandlerOptions options = {}) {
    constexpr bool answers = detail::answers_outcome<F, Batch<T>&>();
    auto run = [handler = std::move(handler),
                check = detail::field_check_of<T>(options.fields)](detail::RawBatch& raw) mutable {
      thread_local msgpack::zone zone;
      const detail::ClearAtEnd clear{zone};
      Batch<T> batch{raw.id, raw.reason};
      batch.reserve(raw.items.size());
      for (auto& item : raw.items) {
        T job;
        if (!item.marked && detail::decode_checked(item, job, zone, check.get()))
          batch.add(std::move(job), item);
      }
      if (batch.size() == 0) return;
      if constexpr (answers) {
        detail::mark_rest(raw, handler(batch));
      } else {
        handler(batch);
      }
    };
    add({std::string(T::kind), policy, std::move(options), false, std::move(run), {}});
    return *this;
  }

  /// Starts one job and returns; the completion, from any thread, ends it. The context's views stay
  /// valid until then.
  template <Job T, typename F>
  requires std::invocable<F&, const JobContext&, T, Completion> Handlers& on_async(
      F handler, HandlerOptions options = {}) {
    detail::require_no_answer<F, const JobContext&, T, Completion>();
    auto start = [handler = std::move(handler), check = detail::field_check_of<T>(options.fields)](
                     detail::RawItem& item, Completion end) mutable {
      thread_local msgpack::zone zone;
      const detail::ClearAtEnd clear{zone};
      T job;
      if (!detail::decode_checked(item, job, zone, check.get())) return end.finish(item.outcome);
      handler(*item.context, std::move(job), std::move(end));
    };
    add({std::string(T::kind), realtime(), std::move(options), true, {}, std::move(start)});
    return *this;
  }

  const std::vector<detail::RawHandler>& all() const { return handlers_; }

 private:
  void add(detail::RawHandler handler);

  std::vector<detail::RawHandler> handlers_;
};

}  // namespace ferry
