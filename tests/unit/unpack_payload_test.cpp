#include <gtest/gtest.h>

#include "ferry/batch.hpp"
#include "wire/limits.hpp"

namespace ferry::detail {
namespace {

struct IndexFile {
  std::string path;
  std::vector<int> lines;
  MSGPACK_DEFINE_MAP(path, lines)
};

std::string packed(const auto& value) {
  msgpack::sbuffer buffer;
  msgpack::pack(buffer, value);
  return {buffer.data(), buffer.size()};
}

TEST(UnpackPayloadTest, GivesBackWhatWasPacked) {
  const std::string payload = packed(IndexFile{"a.hpp", {1, -2, 70'000}});
  const auto file = unpack_payload(payload)->as<IndexFile>();
  EXPECT_EQ(file.path, "a.hpp");
  EXPECT_EQ(file.lines, (std::vector<int>{1, -2, 70'000}));
}

TEST(UnpackPayloadTest, StringsPointIntoThePayload) {
  const std::string payload = packed(std::string("a string of some length"));
  const auto view = unpack_payload(payload)->as<std::string_view>();
  EXPECT_EQ(view.data(), payload.data() + 1);
}

TEST(UnpackPayloadTest, RefusesFiveBytesThatAskForGigabytes) {
  for (const char type : {'\xdd', '\xdf', '\xdb', '\xc6', '\xc9'}) {
    EXPECT_THROW(unpack_payload(type + std::string(4, '\xff')), msgpack::insufficient_bytes);
  }
}

TEST(UnpackPayloadTest, RefusesNestedPromisesThatOnlyTogetherAreTooLarge) {
  // Each array may hold as many elements as there are bytes; sixty of them nested may not.
  const std::string promise = std::string("\xdd\x00\x40\x00\x00", 5);
  std::string payload;
  for (int depth = 0; depth < 60; ++depth) payload += promise;
  payload.append(std::size_t{5} << 20, '\x01');
  EXPECT_THROW(unpack_payload(payload), msgpack::insufficient_bytes);
}

TEST(UnpackPayloadTest, BoundsTheDepth) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '\x91') + '\xc0'; };
  EXPECT_NO_THROW(unpack_payload(nested(wire::max_payload_depth)));
  EXPECT_THROW(unpack_payload(nested(wire::max_payload_depth + 1)), msgpack::depth_size_overflow);
  EXPECT_THROW(unpack_payload(nested(1'000'000)), msgpack::depth_size_overflow);
}

TEST(UnpackPayloadTest, RefusesWhatIsNotExactlyOneValue) {
  EXPECT_THROW(unpack_payload(""), msgpack::unpack_error);
  EXPECT_THROW(unpack_payload("\xc1"), msgpack::unpack_error);
  EXPECT_THROW(unpack_payload("\x01\x02"), msgpack::parse_error);
  const std::string payload = packed(IndexFile{"a.hpp", {1, 2, 3}});
  for (std::size_t size = 0; size < payload.size(); ++size) {
    EXPECT_THROW(unpack_payload(payload.substr(0, size)), msgpack::unpack_error) << size;
  }
}

}  // namespace
}  // namespace ferry::detail
