#include <charconv>
#include <cmath>

#include "queue/queue_impl.hpp"

namespace ferry::detail {

using redis::Reply;

std::vector<std::string> dead_names_of(std::span<const JobId> ids) {
  std::vector<std::string> names;
  names.reserve(ids.size() * priority_count);
  for (const JobId& id : ids) {
    std::string hex;
    for (const std::uint8_t byte : id.bytes) {
      hex.push_back("0123456789abcdef"[byte >> 4]);
      hex.push_back("0123456789abcdef"[byte & 15]);
    }
    for (const char digit : {'0', '1', '2'}) names.push_back(std::string{digit, ':'} + hex);
  }
  return names;
}

std::optional<JobId> id_in_name(std::string_view name) {
  const auto digit_of = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  JobId id;
  if (name.size() != 2 + 2 * id.bytes.size() || name[0] < '0' || name[0] > '2' || name[1] != ':') {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    const int high = digit_of(name[2 + 2 * i]);
    const int low = digit_of(name[3 + 2 * i]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return id;
}

double score_of(std::string_view text) {
  double score = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), score);
  const bool whole = error == std::errc{} && at == text.data() + text.size();
  return whole && !std::isnan(score) ? score : 0;
}

std::vector<std::optional<double>> times_of_death(redis::Connection& connection, const Keys& keys,
                                                  std::span<const std::string> names) {
  std::vector<std::optional<double>> times(names.size());
  if (names.empty()) return times;
  std::vector<std::string_view> words{"ZMSCORE", keys.dead};
  words.insert(words.end(), names.begin(), names.end());
  const auto answer = call_on(connection, keys.dead, words);
  for (std::size_t i = 0; i < names.size() && i < answer->root().size; ++i) {
    const Reply& score = answer->root()[i];
    if (!score.is_nil()) times[i] = score_of(score.text);
  }
  return times;
}

}  // namespace ferry::detail
