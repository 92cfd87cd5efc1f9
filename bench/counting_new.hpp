#pragma once

// Replaces operator new and memcpy in the program that includes this header, so that one can say
// what a job costs in allocations and in copied bytes. Include it in one source of a program.
//
// What is not seen: malloc as C libraries call it (hiredis's and msgpack's buffers, which live as
// long as their connection or their job; oneTBB's own pools), and copies by the kernel.

// Where the compiler sees `free` behind a `new` that it did not inline, it warns of a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

#include <dlfcn.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace ferry::bench {

/// What all threads did since the program began, those apart that said `Uncounted`.
struct Effort {
  std::uint64_t allocations = 0;
  std::uint64_t copied_bytes = 0;

  Effort operator-(const Effort& other) const {
    return {allocations - other.allocations, copied_bytes - other.copied_bytes};
  }
};

namespace counting {

/// Numbers and the like are copied too; from here on it is payloads and envelopes.
constexpr std::size_t smallest_copy = 64;

inline std::atomic<std::uint64_t> allocations{0};
inline std::atomic<std::uint64_t> copied_bytes{0};
inline constinit thread_local bool on = true;

inline void copied(std::size_t bytes) {
  if (on && bytes >= smallest_copy) copied_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

inline void* allocate(std::size_t bytes) noexcept {
  if (on) allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(bytes == 0 ? 1 : bytes);
}

inline void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
  if (on) allocations.fetch_add(1, std::memory_order_relaxed);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

inline void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
}

}  // namespace counting

inline Effort effort() { return {counting::allocations.load(), counting::copied_bytes.load()}; }

/// The thread that looks on must not be counted with those it looks at.
class Uncounted {
 public:
  Uncounted() { counting::on = false; }
  ~Uncounted() { counting::on = true; }
  Uncounted(const Uncounted&) = delete;
  Uncounted& operator=(const Uncounted&) = delete;
};

// The sanitizers have a memcpy of their own, which must stay, and hardened builds an inline one.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(_FORTIFY_SOURCE)
#define FERRY_FOREIGN_MEMCPY
#endif
#ifdef FERRY_FOREIGN_MEMCPY
inline constexpr bool copies_are_counted = false;
#else
inline constexpr bool copies_are_counted = true;
#endif

}  // namespace ferry::bench

void* operator new(std::size_t bytes) {
  return ferry::bench::counting::or_throw(ferry::bench::counting::allocate(bytes));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return ferry::bench::counting::or_throw(
      ferry::bench::counting::allocate(bytes, static_cast<std::size_t>(alignment)));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return ferry::bench::counting::allocate(bytes);
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return ferry::bench::counting::allocate(bytes, static_cast<std::size_t>(alignment));
}
// The array forms and the sized ones call these.
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

#ifndef FERRY_FOREIGN_MEMCPY
extern "C" {

// `memmove` does what `memcpy` must, so one of the two can be built on the other's original.
void* memmove(void* to, const void* from, std::size_t bytes) noexcept {
  using Move = void* (*)(void*, const void*, std::size_t);
  static std::atomic<Move> original{nullptr};
  Move move = original.load(std::memory_order_relaxed);
  if (move == nullptr) {
    move = reinterpret_cast<Move>(dlsym(RTLD_NEXT, "memmove"));
    original.store(move, std::memory_order_relaxed);
  }
  ferry::bench::counting::copied(bytes);
  return move(to, from, bytes);
}

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t bytes) noexcept {
  return memmove(to, from, bytes);
}

}  // extern "C"
#endif
