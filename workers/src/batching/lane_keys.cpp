#include "batching/lane_keys.hpp"

#include <cassert>
#include <utility>

namespace ferry::detail {

std::optional<std::uint32_t> LaneKeys::find(const View& key) const {
  const auto found = map_.find(key);
  if (found == map_.end()) return std::nullopt;
  return found->second;
}

void LaneKeys::add(const View& key, std::uint32_t lane) {
  Map::iterator place;
  if (spare_nodes_.empty()) {
    place = map_.emplace(Key{key.kind, key.priority, std::string(key.batch_key)}, lane).first;
  } else {
    Map::node_type node = std::move(spare_nodes_.back());
    spare_nodes_.pop_back();
    node.key().kind = key.kind;
    node.key().priority = key.priority;
    node.key().batch_key = key.batch_key;
    node.mapped() = lane;
    place = map_.insert(std::move(node)).position;
  }
  if (key_of_.size() <= lane) key_of_.resize(lane + 1, nullptr);
  key_of_[lane] = &place->first;
}

void LaneKeys::remove(std::uint32_t lane) {
  assert(lane < key_of_.size() && key_of_[lane] != nullptr);
  const auto place = map_.find(View(*key_of_[lane]));
  key_of_[lane] = nullptr;
  Map::node_type node = map_.extract(place);
  if (spare_nodes_.size() < max_spare_nodes) spare_nodes_.push_back(std::move(node));
}

}  // namespace ferry::detail
