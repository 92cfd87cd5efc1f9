#include "records.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>

namespace ferry::bench {
namespace {

using Random = std::mt19937_64;  // its numbers are the same everywhere, unlike the distributions'

constexpr std::array<std::string_view, 5> levels = {"info", "info", "info", "warning", "error"};
constexpr std::array<std::string_view, 12> services = {
    "checkout", "search",  "invoicing", "mail",     "accounts", "catalogue",
    "shipping", "billing", "reports",   "sessions", "images",   "recommendations"};
constexpr std::array<std::string_view, 6> methods = {"GET", "GET",   "POST",
                                                     "PUT", "PATCH", "DELETE"};
constexpr std::array<std::string_view, 10> resources = {
    "orders",   "customers", "products", "carts",   "parcels",
    "invoices", "sessions",  "images",   "reviews", "addresses"};
constexpr std::array<int, 8> statuses = {200, 200, 200, 201, 204, 404, 409, 503};
constexpr std::array<std::string_view, 8> regions = {"eu-west", "eu-north", "us-east",  "us-west",
                                                     "ap-east", "ap-south", "sa-north", "af-south"};
constexpr std::array<std::string_view, 8> first_names = {"Amara",  "Jonas", "Mei",   "Pilar",
                                                         "Tomasz", "Noor",  "Freja", "Santiago"};
constexpr std::array<std::string_view, 8> last_names = {"Okafor", "Lindqvist", "Zhang",  "Ferreira",
                                                        "Nowak",  "Haddad",    "Jensen", "Moreno"};
// Sentences are drawn word by word: longer than any phrase that a window could hold whole.
constexpr std::array<std::string_view, 64> words = {
    "the",      "request",  "was",     "accepted", "after",    "a",        "retry",   "because",
    "upstream", "answered", "slowly",  "while",    "stock",    "level",    "changed", "payment",
    "card",     "expired",  "before",  "parcel",   "left",     "depot",    "cache",   "missed",
    "index",    "rebuilt",  "in",      "time",     "customer", "asked",    "for",     "refund",
    "address",  "not",      "found",   "and",      "queue",    "grew",     "beyond",  "limit",
    "session",  "token",    "renewed", "without",  "password", "discount", "applied", "twice",
    "invoice",  "sent",     "to",      "old",      "mailbox",  "image",    "resized", "too",
    "large",    "worker",   "stopped", "cleanly",  "database", "lock",     "waited",  "longer"};

template <typename List>
const auto& one_of(const List& list, Random& random) {
  return list[random() % list.size()];
}

std::string sentence(Random& random) {
  std::string text;
  const std::size_t count = 6 + random() % 9;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += ' ';
    text += one_of(words, random);
  }
  return text;
}

std::string record(Random& random, std::uint64_t& now_us) {
  now_us += 1 + random() % 20'000;
  char text[640];
  std::snprintf(
      text, sizeof(text),
      R"({"time":"2026-03-14T%02u:%02u:%02u.%06uZ","level":"%s","service":"%s","region":"%s",)"
      R"("request_id":"%016llx","method":"%s","path":"/v2/%s/%llu","status":%d,)"
      R"("duration_ms":%llu.%03llu,"user":{"id":%llu,"name":"%s %s"},"client":"10.%u.%u.%u",)"
      R"("message":"%s"})",
      static_cast<unsigned>(now_us / 3'600'000'000 % 24),
      static_cast<unsigned>(now_us / 60'000'000 % 60),
      static_cast<unsigned>(now_us / 1'000'000 % 60), static_cast<unsigned>(now_us % 1'000'000),
      one_of(levels, random).data(), one_of(services, random).data(),
      one_of(regions, random).data(), static_cast<unsigned long long>(random()),
      one_of(methods, random).data(), one_of(resources, random).data(),
      static_cast<unsigned long long>(random() % 10'000'000), one_of(statuses, random),
      static_cast<unsigned long long>(random() % 900),
      static_cast<unsigned long long>(random() % 1000),
      static_cast<unsigned long long>(random() % 2'000'000), one_of(first_names, random).data(),
      one_of(last_names, random).data(), static_cast<unsigned>(random() % 256),
      static_cast<unsigned>(random() % 256), static_cast<unsigned>(random() % 256),
      sentence(random).c_str());
  return text;
}

}  // namespace

std::vector<Blob> records(std::size_t count) {
  Random random{20'260'314};
  std::uint64_t now_us = 0;
  std::vector<Blob> list;
  list.reserve(count);
  for (std::size_t i = 0; i < count; ++i) list.push_back({record(random, now_us)});
  return list;
}

}  // namespace ferry::bench
