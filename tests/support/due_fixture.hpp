#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "support/eventually.hpp"
#include "support/functions_test.hpp"

namespace ferry::test {

/// Parks envelopes until they are due, and moves them.
class DueTest : public FunctionsTest {
 protected:
  void enqueue_delayed(const std::vector<std::string>& envelopes, int delay_ms,
                       Priority priority = Priority::normal) {
    std::vector<Parcel> parcels;
    for (const std::string& bytes : envelopes) parcels.push_back({bytes, priority, delay_ms});
    enqueue(parcels);
  }

  /// Waits until Redis's clock has passed what is due next.
  void promote_when_due(int most = 500, int most_bytes = 1 << 20) {
    const std::int64_t before = books().delayed;
    ASSERT_TRUE(eventually([&] {
      promote(most, most_bytes);
      return books().delayed < before;
    }));
  }

  void wait_until_all_are_due() {
    ASSERT_TRUE(eventually([&] {
      const redis::ReplyPtr time = connection->call({"TIME"});
      const auto part = [&](std::size_t i) {
        return std::stoll(std::string(time->root()[i].text));
      };
      const std::string now_ms = std::to_string(part(0) * 1000 + part(1) / 1000);
      return show(connection->call({"ZCOUNT", keys.due, "(" + now_ms, "+inf"})->root()) == "0";
    }));
  }

  redis::ReplyPtr promote_as(redis::Connection& user, const std::vector<std::string>& arguments) {
    std::vector<std::string_view> words{"FCALL",       "ferry_v1_promote", "6",
                                        keys.state,    keys.due,           keys.parked,
                                        keys.ready[0], keys.ready[1],      keys.ready[2]};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return user.command(words);
  }

  /// A user who may do everything but one command.
  redis::Connection& without(const std::string& denied) {
    command({"ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "+@all", "-" + denied});
    limited_ = std::make_unique<redis::Connection>(
        RedisOptions{.url = "unix://limited:secret@" + server().socket_path()});
    limited_->connect();
    return *limited_;
  }

  using Sizes = std::vector<std::size_t>;

  /// How many envelopes travel in each entry, when all of these are due at once.
  Sizes bundles_of(const std::vector<std::string>& envelopes) {
    enqueue_delayed(envelopes, 1);
    wait_until_all_are_due();
    EXPECT_EQ(promote()->root()[0].integer, std::ssize(envelopes));
    const std::vector<Leased> leased = fetch("w", 100);
    Sizes sizes;
    for (const Leased& one : leased) sizes.push_back(jobs_in(one.bytes));
    std::sort(sizes.begin(), sizes.end());
    EXPECT_EQ(done("w", leased), "[OK, " + std::to_string(leased.size()) + "]");
    return sizes;
  }

  /// An envelope of one job whose body is the head of a zstd frame in one of its forms.
  std::string framed(unsigned form, unsigned single, unsigned dictionary, std::uint64_t size) {
    constexpr std::size_t dictionary_bytes[] = {0, 1, 2, 4};
    std::string body = "\x28\xb5\x2f\xfd";
    body += static_cast<char>(form << 6 | single << 5 | dictionary);
    if (single == 0) body += '\x88';
    body += std::string(dictionary_bytes[dictionary], '\x7f');
    std::string digits = big_endian(form == 1 ? size - 256 : size, 8);
    std::reverse(digits.begin(), digits.end());
    body += digits.substr(0, form == 0 ? single : std::size_t{1} << form) + std::string(12, '\x01');
    std::string bytes = envelope().substr(0, 22);
    bytes[2] = 1;
    return bytes + "\xc4" + static_cast<char>(body.size()) + body;
  }

  /// An envelope of one job that is small and inflates to a little more than these bytes.
  std::string compressed(std::size_t bytes) {
    const std::string id = envelope();
    wire::EnvelopeWriter writer(wire::decode_head(id)->first_id);
    writer.add("kind", std::string(bytes, 'x'), 1'700'000'000'000'000);
    return writer.finish(1024);
  }

  static std::vector<std::string> parts_of(const std::string& bundle) {
    wire::StoredEnvelope stored;
    EXPECT_EQ(wire::decode(bundle, stored), "");
    std::vector<std::string> ids;
    for (const wire::StoredJob& job : stored.jobs) ids.push_back(job.id.to_string());
    return ids;
  }

  int in_order_ = 0;

 private:
  std::unique_ptr<redis::Connection> limited_;
};

}  // namespace ferry::test
