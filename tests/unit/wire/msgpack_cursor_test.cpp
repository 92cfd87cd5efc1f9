#include "wire/msgpack_cursor.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <msgpack.hpp>

#include "wire/msgpack_append.hpp"

namespace ferry::wire {
namespace {

std::string bytes_of(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes.push_back(static_cast<char>(value));
  return bytes;
}

TEST(MsgpackCursorTest, ReadsIntegersInEveryWidth) {
  for (const std::string& seven :
       {bytes_of({7}), bytes_of({0xcc, 7}), bytes_of({0xcd, 0, 7}), bytes_of({0xce, 0, 0, 0, 7}),
        bytes_of({0xcf, 0, 0, 0, 0, 0, 0, 0, 7}), bytes_of({0xd0, 7}), bytes_of({0xd1, 0, 7}),
        bytes_of({0xd2, 0, 0, 0, 7}), bytes_of({0xd3, 0, 0, 0, 0, 0, 0, 0, 7})}) {
    std::uint64_t number = 0;
    std::int64_t integer = 0;
    EXPECT_TRUE(MsgpackCursor(seven).read_uint(number));
    EXPECT_TRUE(MsgpackCursor(seven).read_int(integer));
    EXPECT_EQ(number, 7u);
    EXPECT_EQ(integer, 7);
  }
}

TEST(MsgpackCursorTest, TellsAWrongTypeFromACutOffValue) {
  using Problem = MsgpackCursor::Problem;
  std::uint64_t number = 0;
  std::int64_t integer = 0;
  std::string_view text;
  MsgpackCursor negative("\xff");
  EXPECT_FALSE(negative.read_uint(number));
  EXPECT_EQ(negative.problem(), Problem::wrong_type);
  EXPECT_TRUE(negative.read_int(integer)) << "a failed read leaves the cursor where it is";
  MsgpackCursor cut("\xce\x01");
  EXPECT_FALSE(cut.read_uint(number));
  EXPECT_EQ(cut.problem(), Problem::cut_off);
  MsgpackCursor empty("");
  EXPECT_FALSE(empty.read_bin(text));
  EXPECT_EQ(empty.problem(), Problem::cut_off);
  const std::string too_large = "\xcf" + std::string(8, '\xff');
  MsgpackCursor large(too_large);
  EXPECT_FALSE(large.read_int(integer));
  EXPECT_EQ(large.left(), 9u);
}

TEST(MsgpackCursorTest, ReadsWhatMsgpackWritesAndWritesWhatMsgpackWrites) {
  const std::int64_t edges[] = {
      0,      127,    128,           255,           256,
      65535,  65536,  4294967295LL,  4294967296LL,  std::numeric_limits<std::int64_t>::max(),
      -1,     -32,    -33,           -128,          -129,
      -32768, -32769, -2147483648LL, -2147483649LL, std::numeric_limits<std::int64_t>::min()};
  for (const std::int64_t edge : edges) {
    msgpack::sbuffer theirs;
    msgpack::pack(theirs, edge);
    std::string ours;
    MsgpackAppender(ours).integer(edge);
    EXPECT_EQ(ours, std::string(theirs.data(), theirs.size()));
    std::int64_t read = 0;
    EXPECT_TRUE(MsgpackCursor(ours).read_int(read));
    EXPECT_EQ(read, edge);
  }
  for (const std::size_t size : {0, 15, 16, 31, 32, 255, 256, 65535, 65536}) {
    const std::string text(size, 't');
    msgpack::sbuffer theirs;
    msgpack::packer<msgpack::sbuffer> packer(theirs);
    packer.pack(text);
    packer.pack_bin(static_cast<std::uint32_t>(size));
    packer.pack_bin_body(text.data(), static_cast<std::uint32_t>(size));
    packer.pack_array(static_cast<std::uint32_t>(size));
    packer.pack_map(static_cast<std::uint32_t>(size));
    std::string ours;
    MsgpackAppender out(ours);
    out.str(text);
    out.bin(text);
    out.array(size);
    out.map(size);
    EXPECT_EQ(ours, std::string(theirs.data(), theirs.size()));
    std::string_view read;
    MsgpackCursor in(ours);
    EXPECT_TRUE(in.read_str(read));
    EXPECT_EQ(read, text);
    EXPECT_TRUE(in.read_bin(read));
    EXPECT_EQ(read, text);
  }
}

TEST(MsgpackCursorTest, PassesOverOneValueOfEveryType) {
  const auto zeros = [](int count) { return std::string(static_cast<std::size_t>(count), '\0'); };
  for (const std::string& value : {bytes_of({0x7f}),
                                   bytes_of({0xe0}),
                                   bytes_of({0xc0}),
                                   bytes_of({0xc2}),
                                   bytes_of({0xc3}),
                                   "\x81" + zeros(2),
                                   "\x92" + zeros(2),
                                   "\xa3" + zeros(3),
                                   "\xc4\x02" + zeros(2),
                                   bytes_of({0xc5, 0, 2}) + zeros(2),
                                   bytes_of({0xc6, 0, 0, 0, 2}) + zeros(2),
                                   "\xc7\x02" + zeros(3),
                                   bytes_of({0xc8, 0, 2}) + zeros(3),
                                   bytes_of({0xc9, 0, 0, 0, 2}) + zeros(3),
                                   "\xca" + zeros(4),
                                   "\xcb" + zeros(8),
                                   "\xcc" + zeros(1),
                                   "\xcd" + zeros(2),
                                   "\xce" + zeros(4),
                                   "\xcf" + zeros(8),
                                   "\xd0" + zeros(1),
                                   "\xd1" + zeros(2),
                                   "\xd2" + zeros(4),
                                   "\xd3" + zeros(8),
                                   "\xd4" + zeros(2),
                                   "\xd5" + zeros(3),
                                   "\xd6" + zeros(5),
                                   "\xd7" + zeros(9),
                                   "\xd8" + zeros(17),
                                   "\xd9\x02" + zeros(2),
                                   bytes_of({0xda, 0, 2}) + zeros(2),
                                   bytes_of({0xdb, 0, 0, 0, 2}) + zeros(2),
                                   bytes_of({0xdc, 0, 2}) + zeros(2),
                                   bytes_of({0xdd, 0, 0, 0, 2}) + zeros(2),
                                   bytes_of({0xde, 0, 1}) + zeros(2),
                                   bytes_of({0xdf, 0, 0, 0, 1}) + zeros(2)}) {
    const int type = static_cast<unsigned char>(value[0]);
    const std::string followed = value + "\x2a";
    MsgpackCursor in(followed);
    std::uint64_t next = 0;
    EXPECT_TRUE(in.skip()) << type;
    EXPECT_TRUE(in.read_uint(next) && next == 42 && in.at_end()) << type;
    MsgpackCursor cut(std::string_view(value).substr(0, value.size() - 1));
    EXPECT_FALSE(cut.skip()) << type;
  }
}

}  // namespace
}  // namespace ferry::wire
