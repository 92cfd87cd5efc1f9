#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "redis/stream_id.hpp"

namespace ferry::redis {

/// The words of a command, in one piece of memory.
class Words {
 public:
  Words() = default;
  Words(std::initializer_list<std::string_view> words) {
    for (const std::string_view word : words) add(word);
  }

  void add(std::string_view word) {
    bytes_ += word;
    ends_.push_back(bytes_.size());
  }
  void add(const StreamId& id) {
    id.write(bytes_);
    ends_.push_back(bytes_.size());
  }

  /// Returns: views that end with the next `add`.
  std::vector<std::string_view> views() const {
    std::vector<std::string_view> views;
    views.reserve(ends_.size());
    std::size_t from = 0;
    for (const std::size_t end : ends_) {
      views.push_back(std::string_view(bytes_).substr(from, end - from));
      from = end;
    }
    return views;
  }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

}  // namespace ferry::redis
