#pragma once

#include <memory>
#include <utility>

namespace ferry::detail {

/// One object of each thread that is lent for a call, so that calls need not make their own. Who
/// finds none, in a call within a call or while the thread's objects are being destroyed, gets a
/// new one: what a `thread_local` object itself could not promise.
///
/// Threads: any.
template <typename T>
class ThreadSpare {
 public:
  static std::unique_ptr<T> take() {
    if (kept_ == nullptr) return std::make_unique<T>();
    return std::unique_ptr<T>(std::exchange(kept_, nullptr));
  }

  static void give(std::unique_ptr<T> used) {
    if (gone_ || kept_ != nullptr) return;
    thread_local const AtThreadEnd at_end;
    kept_ = used.release();
  }

 private:
  struct AtThreadEnd {
    ~AtThreadEnd() {
      delete std::exchange(kept_, nullptr);
      gone_ = true;
    }
  };

  // Both are trivial: they can be read as long as the thread runs.
  static inline constinit thread_local T* kept_ = nullptr;
  static inline constinit thread_local bool gone_ = false;
};

}  // namespace ferry::detail
