#include "wire/kinds_named.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/wire/samples.hpp"
#include "wire/msgpack_append.hpp"
#include "wire/zstd_frame.hpp"

namespace ferry::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::string body_of(const std::vector<std::string>& kinds, std::string_view rest) {
  std::string body;
  MsgpackAppender out(body);
  body.push_back('\x93');
  body += std::string("\xcf\x00\x06\x0a\x24\x18\x1e\x16\x40", 9);
  body +=
      std::string("\xdc") + static_cast<char>(kinds.size() >> 8) + static_cast<char>(kinds.size());
  for (const std::string& kind : kinds) {
    body += "\xd9";
    body.push_back(static_cast<char>(kind.size()));
    body += kind;
  }
  return body.append(rest);
}

TEST(KindsNamedTest, ReadsTheTableOfWhatCanBeDecodedToo) {
  EXPECT_THAT(kinds_named(samples::envelope(10)), ElementsAre("index_file", "send_mail"));
  EXPECT_THAT(kinds_named(samples::envelope(200, 1)), ElementsAre("index_file", "send_mail"));
}

TEST(KindsNamedTest, ReadsTheTableInFrontOfWhatCannotBeDecoded) {
  const std::string nonsense = body_of({"index_file", "send_mail"}, "\xc1 nonsense");
  EXPECT_THAT(kinds_named(samples::envelope_with(0, 3, nonsense)),
              ElementsAre("index_file", "send_mail"));
  for (const int flags : {16, 32, 64, 128, 2 + 32}) {
    EXPECT_THAT(kinds_named(samples::envelope_with(static_cast<std::uint8_t>(flags), 3, nonsense)),
                ElementsAre("index_file", "send_mail"))
        << flags;
  }
  const std::string cut = samples::envelope(10).substr(0, 90);
  EXPECT_THAT(kinds_named(cut), testing::Contains("index_file"));
}

TEST(KindsNamedTest, LooksIntoBundlesAndIntoWhatIsWrapped) {
  const std::string bad = samples::envelope_with(0, 3, body_of({"bad_kind"}, "\xc1"));
  const std::string bundle = samples::bundle({samples::envelope(6), bad}, 9);
  EXPECT_THAT(kinds_named(bundle), ElementsAre("index_file", "send_mail", "bad_kind"));
  const std::string letter =
      wrap_opaque(bundle, 9, samples::first_id(), {"cannot be decoded", 1, 1});
  EXPECT_THAT(kinds_named(letter), ElementsAre("index_file", "send_mail", "bad_kind"));
  EXPECT_THAT(kinds_named(wrap_opaque(bad, 3, samples::first_id(), {"x", 1, 1})),
              ElementsAre("bad_kind"));
}

TEST(KindsNamedTest, PassesOverWhatALaterVersionPutsBeforeTheBody) {
  std::string bytes = "\x96\x01\x20\x05\xc4\x10" + std::string(16, '\7');
  bytes += "\x81\x01\xa5later";  // a map of notes
  const std::string body = body_of({"index_file"}, "\x90");
  bytes += "\xc4";
  bytes.push_back(static_cast<char>(body.size()));
  EXPECT_THAT(kinds_named(bytes + body), ElementsAre("index_file"));
}

TEST(KindsNamedTest, ShowsNamesOnlyAndNotTooMany) {
  const std::string odd = body_of({"good", "\x1b[31m", "", std::string(65, 'x'), "good"}, "");
  EXPECT_THAT(kinds_named(samples::envelope_with(0, 3, odd)), ElementsAre("good"));
  std::vector<std::string> many;
  for (int i = 0; i < 1000; ++i) many.push_back("kind" + std::to_string(i));
  EXPECT_THAT(kinds_named(samples::envelope_with(0, 1000, body_of(many, ""))), SizeIs(16));
}

TEST(KindsNamedTest, SaysNothingAboutNonsense) {
  const std::string wrapped = wrap_opaque("hello", 1, samples::first_id(), {"x", 1, 1});
  std::string deep = samples::envelope(1);
  for (int i = 0; i < 50; ++i) deep = wrap_opaque(deep, 1, samples::first_id(), {"x", 1, 1});
  for (const std::string& bytes :
       {std::string(), std::string("hello"), wrapped, deep, samples::envelope_with(1, 3, "no zstd"),
        samples::envelope_with(0, 3, ""), samples::envelope_with(4, 3, "\xdd\xff\xff\xff\xff"),
        samples::envelope_with(0, 3, "\x93\xc0\xdd\xff\xff\xff\xff")}) {
    EXPECT_THAT(kinds_named(bytes), IsEmpty());
  }
}

// However many parts there are, all together inflate to no more than one envelope may.
TEST(KindsNamedTest, InflatesNoMoreThanAnEnvelopeMay) {
  const std::string huge = body_of({"huge"}, std::string(max_inflated_bytes / 2, '\0'));
  const std::string part = samples::envelope_with(flag_zstd, 3, deflate(huge));
  EXPECT_THAT(kinds_named(part), ElementsAre("huge"));
  const std::string last = samples::envelope_with(flag_zstd, 3, deflate(body_of({"last"}, huge)));
  EXPECT_THAT(kinds_named(samples::bundle({part, part, part, last}, 12)), ElementsAre("huge"));
}

}  // namespace
}  // namespace ferry::wire
