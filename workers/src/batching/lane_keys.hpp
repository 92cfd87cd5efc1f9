#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ferry::detail {

/// Which lane a batch key has at the moment. Keys come and go with every batch, so what a forgotten
/// key leaves behind is used for the next one.
///
/// Threads: one thread at a time.
class LaneKeys {
 public:
  struct View {
    std::uint32_t kind = 0;
    std::uint8_t priority = 0;
    std::string_view batch_key;

    bool operator==(const View&) const = default;
  };

  std::optional<std::uint32_t> find(const View& key) const;
  /// The key must be new.
  void add(const View& key, std::uint32_t lane);
  void remove(std::uint32_t lane);

 private:
  struct Key {
    std::uint32_t kind = 0;
    std::uint8_t priority = 0;
    std::string batch_key;

    operator View() const { return {kind, priority, batch_key}; }
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const View& key) const {
      // 2^64 divided by the golden ratio spreads the small numbers over all bits.
      return std::hash<std::string_view>{}(key.batch_key) ^
             ((key.kind * std::size_t{4} + key.priority) * std::size_t{0x9e3779b97f4a7c15});
    }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const View& a, const View& b) const { return a == b; }
  };
  using Map = std::unordered_map<Key, std::uint32_t, Hash, Equal>;

  /// More are given back to the allocator, so that a burst of keys does not stay for ever.
  static constexpr std::size_t max_spare_nodes = 1024;

  Map map_;
  std::vector<const Key*> key_of_;  ///< by lane; the map does not move its keys
  std::vector<Map::node_type> spare_nodes_;
};

}  // namespace ferry::detail
