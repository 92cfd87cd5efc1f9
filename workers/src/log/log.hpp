#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "ferry/worker.hpp"

namespace ferry::detail {

/// Structured logs on standard error: an event in words and its fields, as text or JSON lines.
///
/// Secrets and payloads are never given to it.
/// Threads: all functions may be called from any thread.
class Log {
 public:
  using Value = std::variant<std::string_view, std::int64_t, double>;
  using Fields = std::initializer_list<std::pair<std::string_view, Value>>;

  Log(const LogOptions& options, std::string worker);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void debug(std::string_view event, Fields fields = {}) const;
  void info(std::string_view event, Fields fields = {}) const;
  void warning(std::string_view event, Fields fields = {}) const;
  void error(std::string_view event, Fields fields = {}) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ferry::detail
