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

class UnpackPayloadTest : public testing::Test {
 protected:
  msgpack::object unpack(std::string_view payload) { return unpack_payload(payload, zone_); }

 private:
  msgpack::zone zone_;
};

TEST_F(UnpackPayloadTest, GivesBackWhatWasPacked) {
  const std::string payload = packed(IndexFile{"a.hpp", {1, -2, 70'000}});
  const auto file = unpack(payload).as<IndexFile>();
  EXPECT_EQ(file.path, "a.hpp");
  EXPECT_EQ(file.lines, (std::vector<int>{1, -2, 70'000}));
}

TEST_F(UnpackPayloadTest, StringsPointIntoThePayload) {
  const std::string payload = packed(std::string("a string of some length"));
  const auto view = unpack(payload).as<std::string_view>();
  EXPECT_EQ(view.data(), payload.data() + 1);
}

TEST_F(UnpackPayloadTest, RefusesFiveBytesThatAskForGigabytes) {
  for (const char type : {'\xdd', '\xdf', '\xdb', '\xc6', '\xc9'}) {
    EXPECT_THROW(unpack(type + std::string(4, '\xff')), msgpack::insufficient_bytes);
  }
}

TEST_F(UnpackPayloadTest, RefusesNestedPromisesThatOnlyTogetherAreTooLarge) {
  // Each array may hold as many elements as there are bytes; sixty of them nested may not.
  const std::string promise = std::string("\xdd\x00\x40\x00\x00", 5);
  std::string payload;
  for (int depth = 0; depth < 60; ++depth) payload += promise;
  payload.append(std::size_t{5} << 20, '\x01');
  EXPECT_THROW(unpack(payload), msgpack::insufficient_bytes);
}

TEST_F(UnpackPayloadTest, BoundsTheDepth) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '\x91') + '\xc0'; };
  EXPECT_NO_THROW(unpack(nested(wire::max_payload_depth)));
  EXPECT_THROW(unpack(nested(wire::max_payload_depth + 1)), msgpack::depth_size_overflow);
  EXPECT_THROW(unpack(nested(1'000'000)), msgpack::depth_size_overflow);
}

TEST_F(UnpackPayloadTest, RefusesWhatIsNotExactlyOneValue) {
  EXPECT_THROW(unpack(""), msgpack::unpack_error);
  EXPECT_THROW(unpack("\xc1"), msgpack::unpack_error);
  EXPECT_THROW(unpack("\x01\x02"), msgpack::parse_error);
  const std::string payload = packed(IndexFile{"a.hpp", {1, 2, 3}});
  for (std::size_t size = 0; size < payload.size(); ++size) {
    EXPECT_THROW(unpack(payload.substr(0, size)), msgpack::unpack_error) << size;
  }
}

TEST_F(UnpackPayloadTest, ReadsNumbersBehindAVeryLargeOne) {
  const std::vector<std::uint64_t> numbers{UINT64_MAX, 1, 2, UINT64_MAX - 1, 3};
  EXPECT_EQ(unpack(packed(numbers)).as<std::vector<std::uint64_t>>(), numbers);
}

// Every type in every width: what msgpack-c's own parser makes of it is right.
TEST_F(UnpackPayloadTest, BuildsWhatMsgpackBuilds) {
  using Bytes = std::vector<unsigned char>;
  std::vector<Bytes> values{{0xc0},
                            {0xc2},
                            {0xc3},
                            {0x00},
                            {0x7f},
                            {0xff},
                            {0xe0},
                            {0x80},
                            {0x90},
                            {0x91, 0xa0},  // alone, msgpack-c would compare it with a null pointer
                            {0xcc, 0xff},
                            {0xcd, 0xff, 0xfe},
                            {0xce, 0xff, 0, 0, 1},
                            {0xcf, 0xff, 0, 0, 0, 0, 0, 0, 1},
                            {0xcf, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                            {0xd0, 0x80},
                            {0xd0, 0x7f},
                            {0xd1, 0x80, 0},
                            {0xd2, 0x80, 0, 0, 0},
                            {0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0},
                            {0xd3, 0, 0, 0, 0, 0, 0, 0, 5},
                            {0xca, 0x3f, 0xc0, 0, 0},
                            {0xcb, 0xbf, 0xf8, 0, 0, 0, 0, 0, 0},
                            {0xd4, 7, 1},
                            {0xd5, 7, 1, 2},
                            {0xd6, 7, 1, 2, 3, 4},
                            {0xd7, 7, 1, 2, 3, 4, 5, 6, 7, 8},
                            {0xc7, 3, 0xff, 1, 2, 3},
                            {0xc8, 0, 1, 9, 1},
                            {0xc9, 0, 0, 0, 1, 9, 1},
                            {0xa2, 'h', 'i'},
                            {0xd9, 2, 'h', 'i'},
                            {0xda, 0, 2, 'h', 'i'},
                            {0xdb, 0, 0, 0, 2, 'h', 'i'},
                            {0xc4, 2, 1, 2},
                            {0xc5, 0, 2, 1, 2},
                            {0xc6, 0, 0, 0, 2, 1, 2},
                            {0x92, 1, 0x91, 2},
                            {0xdc, 0, 2, 1, 2},
                            {0xdd, 0, 0, 0, 1, 0xc0},
                            {0x82, 1, 2, 0xa1, 'k', 0x81, 3, 0x90},
                            {0xde, 0, 1, 1, 2},
                            {0xdf, 0, 0, 0, 1, 1, 0x80}};
  Bytes fixext16{0xd8, 7};
  fixext16.resize(18, 1);
  values.push_back(fixext16);
  for (const Bytes& value : values) {
    const std::string payload(value.begin(), value.end());
    const msgpack::object_handle expected = msgpack::unpack(payload.data(), payload.size());
    const msgpack::object built = unpack(payload);
    EXPECT_EQ(built, expected.get()) << static_cast<int>(value[0]);
    EXPECT_EQ(built.type, expected.get().type) << static_cast<int>(value[0]);
    for (std::size_t size = 0; size < payload.size(); ++size) {
      EXPECT_THROW(unpack(std::string_view(payload).substr(0, size)), msgpack::unpack_error);
    }
  }
}

}  // namespace
}  // namespace ferry::detail
