#pragma once

#include <pthread.h>

#include <array>
#include <string_view>

namespace ferry::test {

/// Whether a handler runs in the thread that fetched its job, told by that thread's name.
inline bool in_fetching_thread() {
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  return std::string_view(name.data()) == "ferry-fetch";
}

/// Then no run is as short as one must be to stay in that thread.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool is_slow_build = true;
#else
inline constexpr bool is_slow_build = false;
#endif

}  // namespace ferry::test
