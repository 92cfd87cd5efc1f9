#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace ferry::wire {

/// The kind table; nearly every envelope has one or two kinds, and then it needs no memory.
class KindTable {
 public:
  void add(std::string_view kind) {
    if (size_ < few_.size()) {
      few_[size_] = kind;
    } else {
      more_.push_back(kind);
    }
    ++size_;
  }
  std::size_t size() const { return size_; }
  std::string_view operator[](std::size_t i) const {
    return i < few_.size() ? few_[i] : more_[i - few_.size()];
  }

 private:
  std::array<std::string_view, 8> few_;
  std::vector<std::string_view> more_;
  std::size_t size_ = 0;
};

}  // namespace ferry::wire
