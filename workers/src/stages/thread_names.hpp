#pragma once

#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_scheduler_observer.h>
#include <pthread.h>

namespace ferry::detail {

/// Names the graph's threads, for top -H and the like; else they have the name of whoever needed
/// them first.
class ThreadNames : public oneapi::tbb::task_scheduler_observer {
 public:
  explicit ThreadNames(oneapi::tbb::task_arena& arena) : task_scheduler_observer(arena) {
    observe();
  }
  ~ThreadNames() override { observe(false); }
  ThreadNames(const ThreadNames&) = delete;
  ThreadNames& operator=(const ThreadNames&) = delete;

  void on_scheduler_entry(bool is_worker) override {
    if (is_worker) pthread_setname_np(pthread_self(), "ferry-handler");
  }
};

}  // namespace ferry::detail
