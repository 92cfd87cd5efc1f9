#include "ferry/handlers.hpp"

#include <atomic>
#include <cassert>

#include "ferry/error.hpp"
#include "ranges.hpp"
#include "wire/names.hpp"

namespace ferry {

namespace {

using std::chrono::milliseconds;

std::string text(milliseconds duration) { return std::to_string(duration.count()) + " ms"; }

}  // namespace

void HandlerOptions::validate() const {
  require_between("concurrency", concurrency, 0, 1024, "0 (the worker's) or 1 to 1024");
  require_between("max_attempts", max_attempts, 1, 1000);
  require_between("backoff.base", backoff.base, milliseconds{1}, std::chrono::hours{1},
                  "1 ms to 1 h");
  require_between("backoff.cap", backoff.cap, backoff.base, longest_delay,
                  "backoff.base (" + text(backoff.base) + ") to 366 days");
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

void Completion::retry_after(std::chrono::milliseconds delay, std::string reason) const {
  Outcome outcome;
  try {
    outcome = ferry::retry_after(delay, reason);
  } catch (const Error& error) {
    outcome = ferry::retry(std::string(error.what()) + "; " + reason);
  }
  finish(std::move(outcome));
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
