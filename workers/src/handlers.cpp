#include "ferry/handlers.hpp"

#include <atomic>
#include <cassert>

#include "ferry/error.hpp"
#include "wire/names.hpp"

namespace ferry {

namespace {

using std::chrono::milliseconds;

[[noreturn]] void refuse(const std::string& field, const std::string& value,
                         const std::string& expected) {
  throw Error(ErrorCode::invalid_argument, field + " is " + value + ": expected " + expected);
}

std::string text(milliseconds duration) { return std::to_string(duration.count()) + " ms"; }

}  // namespace

void HandlerOptions::validate() const {
  if (concurrency > 1024) {
    refuse("concurrency", std::to_string(concurrency), "0 (the worker's) or 1 to 1024");
  }
  if (max_attempts < 1 || max_attempts > 1000) {
    refuse("max_attempts", std::to_string(max_attempts), "1 to 1000");
  }
  if (backoff.base < milliseconds{1} || backoff.base > std::chrono::hours{1}) {
    refuse("backoff.base", text(backoff.base), "1 ms to 1 h");
  }
  if (backoff.cap < backoff.base || backoff.cap > std::chrono::days{366}) {
    refuse("backoff.cap", text(backoff.cap),
           "backoff.base (" + text(backoff.base) + ") to 366 days");
  }
}

struct Completion::State {
  std::function<void(Outcome)> end;
  std::atomic<bool> ended{false};

  ~State() {
    if (ended || !end) return;
    try {
      end(ferry::retry("the completion was destroyed without a word"));
    } catch (...) {
      // Nobody is left who could be told; the job is settled when its worker's lease ends.
    }
  }
};

Completion::Completion(std::function<void(Outcome)> end) : state_(std::make_shared<State>()) {
  state_->end = std::move(end);
}

void Completion::finish(Outcome outcome) const {
  // A moved-from completion has no state; its successor speaks for the job.
  if (!state_ || state_->ended.exchange(true)) return;
  if (state_->end) state_->end(std::move(outcome));
}

void Handlers::add(detail::RawHandler handler) {
  wire::require_name("kind", handler.kind);
  for (const detail::RawHandler& known : handlers_) {
    if (known.kind == handler.kind) {
      throw Error(ErrorCode::invalid_argument,
                  "kind \"" + handler.kind + "\" has two handlers: expected one; remove either");
    }
  }
  try {
    handler.policy.validate();
    handler.options.validate();
  } catch (const Error& error) {
    throw Error(error.code(), "handler of \"" + handler.kind + "\": " + error.what());
  }
  assert(static_cast<bool>(handler.run) != static_cast<bool>(handler.start));
  handlers_.push_back(std::move(handler));
}

}  // namespace ferry
