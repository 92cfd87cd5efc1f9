#include "secrets/payload_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "ferry/error.hpp"
#include "scratch_folder.hpp"
#include "support/error_from.hpp"

namespace ferry::test {
namespace {

using secrets::PayloadBinding;
using secrets::PayloadKeys;
using testing::HasSubstr;
using testing::Not;

const std::string hex_a(64, 'a');
const std::string hex_b = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

JobId id(char last) {
  return JobId::parse("01a17687-5c00-7a3d-8e4f-01234567890" + std::string{last}).value();
}

class PayloadKeysTest : public testing::Test {
 protected:
  std::string file(const std::string& text, mode_t mode = 0600) const {
    const std::string path = scratch_.file("keys");
    std::filesystem::remove(path);
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }

  /// Returns: what is said of a file that is wrong.
  std::string complaint(const std::string& text) const {
    const Error error = error_from([&] { PayloadKeys{file(text)}; });
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }

  static std::string sealed(const PayloadKeys& keys, std::string_view payload) {
    std::string out(payload.size() + PayloadKeys::overhead_bytes, '\0');
    keys.seal(binding, payload, out.data());
    return out;
  }

  static std::optional<std::string> opened(const PayloadKeys& keys, std::string_view bytes,
                                           const PayloadBinding& of = binding,
                                           std::string_view key_id = "a") {
    std::string out(bytes.size() + 1, '\0');
    if (!keys.open(key_id, of, bytes, out.data())) return std::nullopt;
    out.resize(bytes.size() - PayloadKeys::overhead_bytes);
    return out;
  }

  inline static const PayloadBinding binding{id('1'), "mail", "send"};
  const ScratchFolder scratch_;
};

TEST_F(PayloadKeysTest, TheFirstKeySealsAndAllOpen) {
  const PayloadKeys old(file("a " + hex_a + "\n"));
  const std::string before = sealed(old, "before");
  const PayloadKeys keys(file("# rotated\r\n\n  b\t" + hex_b + " \r\na " + hex_a));
  EXPECT_EQ(keys.sealing_key(), "b");
  EXPECT_EQ(opened(keys, before), "before");
  const std::string after = sealed(keys, "after");
  EXPECT_EQ(opened(keys, after, binding, "b"), "after");
  EXPECT_EQ(opened(keys, after, binding, "a"), std::nullopt);
  EXPECT_EQ(opened(old, after, binding, "b"), std::nullopt);
  EXPECT_FALSE(old.has("b"));
}

TEST_F(PayloadKeysTest, SealsEverySizeAndNeverTwiceAlike) {
  const PayloadKeys keys(file("a " + hex_a + "\n"));
  for (const std::size_t bytes : {0, 1, 63, 64, 65, 1000, 1 << 20}) {
    const std::string payload(bytes, 'x');
    const std::string one = sealed(keys, payload);
    EXPECT_NE(one, sealed(keys, payload));
    EXPECT_EQ(opened(keys, one), payload);
    if (bytes >= 63) {
      EXPECT_THAT(one, Not(HasSubstr(payload.substr(0, 16))));
    }
  }
}

TEST_F(PayloadKeysTest, OpensNowhereElse) {
  const PayloadKeys keys(file("a " + hex_a + "\n"));
  const std::string bytes = sealed(keys, "pay 1");
  EXPECT_TRUE(opened(keys, bytes));
  EXPECT_FALSE(opened(keys, bytes, {id('2'), "mail", "send"}));
  EXPECT_FALSE(opened(keys, bytes, {id('1'), "mails", "send"}));
  EXPECT_FALSE(opened(keys, bytes, {id('1'), "mail", "sent"}));
  // The same letters, cut elsewhere.
  EXPECT_FALSE(opened(keys, bytes, {id('1'), "mails", "end"}));
}

TEST_F(PayloadKeysTest, OpensNothingThatWasChanged) {
  const PayloadKeys keys(file("a " + hex_a + "\n"));
  const std::string bytes = sealed(keys, "pay 1");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    EXPECT_FALSE(opened(keys, changed)) << "byte " << i;
    EXPECT_FALSE(opened(keys, bytes.substr(0, i))) << "cut to " << i;
  }
  EXPECT_FALSE(opened(keys, bytes + '\0'));
}

TEST_F(PayloadKeysTest, AWrongFileIsToldByItsLineAndNeverByItsText) {
  EXPECT_THAT(complaint(""), HasSubstr("holds no key"));
  EXPECT_THAT(complaint("# only\n\n"), HasSubstr("holds no key"));
  for (const std::string& bad : {hex_a,                                  // no id
                                 "a" + hex_a,                            // no blank
                                 "a " + hex_a.substr(1),                 // too short
                                 "a " + hex_a + "aa",                    // too long
                                 "a " + hex_a.substr(1) + "g",           // not hex
                                 "a " + hex_a + " " + hex_b,             // two keys
                                 "ä " + hex_a,                           // not a name
                                 std::string(33, 'a') + " " + hex_a}) {  // id too long
    const std::string said = complaint("# first\nok " + hex_b + "\n" + bad + "\n");
    EXPECT_THAT(said, HasSubstr("keys:3: ")) << bad;
    EXPECT_THAT(said, Not(HasSubstr("aaaa"))) << bad;
    EXPECT_THAT(said, Not(HasSubstr("0011"))) << bad;
  }
  EXPECT_THAT(complaint("a " + hex_a + "\na " + hex_b + "\n"), HasSubstr("keys:2: "));
  EXPECT_THAT(complaint(std::string(70'000, '#')), HasSubstr("65536 bytes"));
  EXPECT_THAT(error_from([&] { PayloadKeys(scratch_.file("none")); }).what(),
              HasSubstr("cannot be read"));
}

TEST_F(PayloadKeysTest, AFileThatOthersMayReadIsRefused) {
  const std::string text = "a " + hex_a + "\n";
  for (const mode_t mode : {0644, 0604, 0602, 0620, 0601}) {
    EXPECT_THAT(error_from([&] { PayloadKeys{file(text, mode)}; }).what(), HasSubstr("chmod"))
        << std::oct << mode;
  }
  for (const mode_t mode : {0600, 0400, 0640, 0440}) {
    EXPECT_NO_THROW(PayloadKeys{file(text, mode)}) << std::oct << mode;
  }
}

TEST_F(PayloadKeysTest, ANewKeyGoesInFrontAndTheFileIsPrivate) {
  const std::string path = scratch_.file("new");
  secrets::add_key_in_front(path, "k1");
  const std::string before = sealed(PayloadKeys(path), "old");
  secrets::add_key_in_front(path, "k2");
  struct stat about {};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777u, 0600u);
  const PayloadKeys keys(path);
  EXPECT_EQ(keys.sealing_key(), "k2");
  EXPECT_EQ(opened(keys, before, binding, "k1"), "old");
  EXPECT_THAT(error_from([&] { secrets::add_key_in_front(path, "k1"); }).what(),
              HasSubstr("already"));
  EXPECT_THAT(error_from([&] { secrets::random_key_line("no blanks"); }).what(),
              HasSubstr("1 to 32"));
  EXPECT_NE(secrets::random_key_line("k"), secrets::random_key_line("k"));
}

TEST_F(PayloadKeysTest, KnowsWhatAKeyIdIs) {
  EXPECT_TRUE(secrets::is_key_id("2026-11_a.b"));
  EXPECT_TRUE(secrets::is_key_id(std::string(32, 'k')));
  EXPECT_FALSE(secrets::is_key_id(std::string(33, 'k')));
  EXPECT_FALSE(secrets::is_key_id(""));
  EXPECT_FALSE(secrets::is_key_id("k:1"));
}

}  // namespace
}  // namespace ferry::test
