#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "flow/live/records.hpp"
#include "support/child.hpp"

namespace ferry::flow {

/// A `flow_worker` of a mix.
///
/// Threads: one thread at a time; it dies with the thread that made it.
class WorkerProcess {
 public:
  /// Records and notes go to files of this name in the folder, which also has `mix.json`.
  WorkerProcess(const std::string& redis_url, const std::string& folder, std::size_t index,
                const std::string& name);

  /// TERM, then waits.
  ///
  /// Returns: what is wrong with how it ended, else nothing.
  std::string end(std::chrono::seconds at_most);
  void kill() { process_.reset(); }
  void signal(int number) const { process_->signal(number); }
  /// Returns: whether it has ended by itself.
  bool has_ended();

  WorkerNote note() const;
  std::string runs_path() const { return base_ + ".runs"; }
  /// Units: KiB of memory that it has now, or at most had.
  std::int64_t rss_kib() const { return status_of("VmRSS:"); }
  std::int64_t peak_rss_kib() const { return status_of("VmHWM:"); }

 private:
  std::int64_t status_of(const std::string& field) const;

  std::string base_;
  std::unique_ptr<test::Child> process_;
};

}  // namespace ferry::flow
