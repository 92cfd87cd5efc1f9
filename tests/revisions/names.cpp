#include "revisions/names.hpp"

#include <charconv>
#include <chrono>
#include <random>
#include <stdexcept>

namespace ferry::revisions {
namespace {

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw std::invalid_argument("no number: " + std::string(text));
  }
  return value;
}

std::string hex_of(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) {
    hex += "0123456789abcdef"[static_cast<unsigned char>(byte) >> 4];
    hex += "0123456789abcdef"[static_cast<unsigned char>(byte) & 15];
  }
  return hex;
}

std::string big_endian(std::uint64_t value, int bytes) {
  std::string written;
  while (bytes-- > 0) written += static_cast<char>(value >> 8 * bytes & 255);
  return written;
}

std::string bytes_of_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    unsigned value = 0;
    std::from_chars(hex.data() + at, hex.data() + at + 2, value, 16);
    bytes += static_cast<char>(value);
  }
  return bytes;
}

std::uint64_t now_ms() {
  using std::chrono::milliseconds;
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(since_1970).count());
}

/// No two programs share it.
std::string fresh_name() {
  std::random_device random;
  return hex_of(big_endian(std::uint64_t{random()} << 32 | random(), 8));
}

}  // namespace

void Names::begin_scene() {
  entries_.clear();
  producers_.clear();
  told_.clear();
}

void Names::see_entry(std::string_view id, std::string_view envelope) {
  const auto head = wire::decode_head(envelope);
  entries_[entries_.size() + 1] = {std::string(id), envelope.size(), head ? head->count : 1};
}

void Names::see_counts(std::string_view server_ms, std::size_t priority,
                       std::string_view delivered) {
  told_["now"] = server_ms;
  told_["delivered:" + std::to_string(priority)] = delivered;
}

void Names::know_id(const std::string& envelope, const JobId& first) { ids_[envelope] = first; }

std::string Names::id_of(std::string_view place) {
  const auto plus = place.find('+');
  const std::string envelope(place.substr(0, plus));
  const std::size_t offset = plus == place.npos ? 0 : number(place.substr(plus + 1));
  // In the order in which they are made, as a producer's are.
  if (!ids_.contains(envelope)) ids_[envelope] = source_.next(now_ms() + ids_.size());
  const JobId id = wire::id_after(ids_[envelope], offset);
  return hex_of({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
}

std::optional<std::string> Names::entry_value(std::string_view kind, std::string_view numbers) {
  std::size_t sum = 0;
  while (true) {
    const auto plus = numbers.find('+');
    const auto entry = entries_.find(number(numbers.substr(0, plus)));
    if (entry == entries_.end()) return std::nullopt;
    if (kind == "entry") return entry->second.id;
    sum += kind.starts_with("jobs") ? entry->second.jobs : entry->second.bytes;
    if (plus == numbers.npos) break;
    numbers.remove_prefix(plus + 1);
  }
  if (kind == "jobs16") return hex_of(big_endian(sum, 2));
  if (kind == "bytes32") return hex_of(big_endian(sum, 4));
  return std::to_string(sum);
}

std::optional<std::string> Names::value_of(std::string_view name) {
  if (name == "lease") return std::to_string(played_lease_ms);
  if (name == "long lease") return std::to_string(played_long_lease_ms);
  if (name == "delay") return std::to_string(played_delay_ms);
  if (const auto star = name.find('*'); star != name.npos) {
    std::string repeated;
    for (std::size_t i = number(name.substr(star + 1)); i > 0; --i)
      repeated += name.substr(0, star);
    return repeated;
  }
  const auto colon = name.find(':');
  const std::string_view kind = name.substr(0, colon);
  const std::string_view which = colon == name.npos ? "" : name.substr(colon + 1);
  if (kind == "now" || kind == "delivered") {
    const auto told = told_.find(name);
    return told == told_.end() ? std::nullopt : std::optional(told->second);
  }
  if (kind == "worker") return "old." + std::string(which);
  if (kind == "producer") {
    auto& producer = producers_[std::string(which)];
    if (producer.empty()) producer = fresh_name();
    return producer;
  }
  if (kind == "id" || kind == "hex") return id_of(which);
  if (kind == "ms") return hex_of(big_endian(now_ms() + number(which), 8));
  for (const std::string_view known : {"entry", "jobs", "bytes", "jobs16", "bytes32"}) {
    if (kind == known) return entry_value(kind, which);
  }
  throw std::invalid_argument("a recording names <" + std::string(name) + ">");
}

std::optional<std::string> Names::bytes_of(std::string_view word) {
  const bool in_hex = word.starts_with("x:");
  if (in_hex) word.remove_prefix(2);
  std::string text;
  while (!word.empty()) {
    const auto open = word.find('<');
    text += word.substr(0, open);
    if (open == word.npos) break;
    const auto close = word.find('>', open);
    if (close == word.npos) throw std::invalid_argument("a name is not closed");
    const auto value = value_of(word.substr(open + 1, close - open - 1));
    if (!value) return std::nullopt;
    text += *value;
    word.remove_prefix(close + 1);
  }
  return in_hex ? bytes_of_hex(text) : text;
}

}  // namespace ferry::revisions
