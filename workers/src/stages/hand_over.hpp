#pragma once

// The distribution's oneTBB is not instrumented, so ThreadSanitizer does not see that a message of
// the graph is read after it was put. These two say so where it would else report it.

#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace ferry::detail {

/// All that this thread has written before comes before what follows `taken_over` of the same.
inline void hand_over([[maybe_unused]] void* what) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(what);
#endif
}

inline void taken_over([[maybe_unused]] void* what) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(what);
#endif
}

}  // namespace ferry::detail
