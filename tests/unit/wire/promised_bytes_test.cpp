#include "wire/promised_bytes.hpp"

#include <gtest/gtest.h>

#include "samples.hpp"
#include "wire/zstd_frame.hpp"

namespace ferry::wire {
namespace {

using samples::bundle;
using samples::envelope;
using samples::envelope_with;

TEST(PromisedBytesTest, TellsWhatAFrameSays) {
  EXPECT_EQ(promised_bytes(envelope(5)), 0u);
  const std::string body(100'000, 'x');
  EXPECT_EQ(promised_bytes(envelope_with(flag_zstd, 1, deflate(body))), 100'000u);
}

TEST(PromisedBytesTest, AddsThePartsOfABundle) {
  const std::string part = envelope_with(flag_zstd, 1, deflate(std::string(1000, 'x')));
  EXPECT_EQ(promised_bytes(bundle({part, envelope(3), part}, 5)), 2000u);
  EXPECT_EQ(promised_bytes(bundle({part, part}, 2, flag_bundle | flag_zstd)), max_inflated_bytes);
}

TEST(PromisedBytesTest, IsBoundedWhateverIsPromised) {
  const std::string zeros = deflate(std::string(max_inflated_bytes, '\0'));
  const std::string bomb = envelope_with(flag_zstd, 1, zeros);
  EXPECT_EQ(promised_bytes(bundle({bomb, bomb}, 2)), max_inflated_bytes);
  // A frame without its size: the descriptor's size flag is 0 and its window byte follows.
  const std::string unknown("\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00", 9);
  EXPECT_EQ(promised_bytes(envelope_with(flag_zstd, 1, unknown)), max_inflated_bytes);
}

TEST(PromisedBytesTest, PromisesNothingForWhatCannotBeDecoded) {
  for (const std::string& bytes :
       {std::string(), std::string("\x95"), std::string("garbage"),
        envelope_with(flag_zstd, 1, "no frame"), envelope_with(flag_bundle, 1, "no list")}) {
    EXPECT_EQ(promised_bytes(bytes), 0u);
  }
}

}  // namespace
}  // namespace ferry::wire
