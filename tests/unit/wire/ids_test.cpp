#include <gtest/gtest.h>

#include <set>

#include "samples.hpp"
#include "wire/envelope.hpp"

namespace ferry::wire {
namespace {

TEST(JobIdSourceTest, MakesVersion7OfTheGivenMillisecond) {
  JobIdSource source;
  for (int i = 0; i < 1000; ++i) {
    const std::string text = source.next(0x0123'4567'89ab).to_string();
    EXPECT_EQ(text.substr(0, 15), "01234567-89ab-7");
    EXPECT_TRUE(std::string("89ab").find(text[19]) != std::string::npos) << text;
  }
}

TEST(JobIdSourceTest, IdsSortByTheTimeOfTheirMaking) {
  JobIdSource source;
  JobId last = source.next(1'793'000'000'000);
  for (std::uint64_t ms = 1; ms < 2000; ++ms) {
    const JobId id = source.next(1'793'000'000'000 + ms);
    EXPECT_LT(last, id);
    EXPECT_LT(id_after(last, max_jobs_in_envelope), id);
    last = id;
  }
}

TEST(JobIdSourceTest, TwoSourcesNeverMakeTheSameIdInOneMillisecond) {
  JobIdSource first;
  JobIdSource second;
  std::set<JobId> seen;
  for (int i = 0; i < 5000; ++i) {
    EXPECT_TRUE(seen.insert(first.next(1)).second);
    EXPECT_TRUE(seen.insert(second.next(1)).second);
  }
}

TEST(JobIdSourceTest, TheLastSuccessorStillHasTheSameVariantAndTime) {
  JobIdSource source;
  for (int i = 0; i < 1000; ++i) {
    const JobId first = source.next(7);
    const JobId last = id_after(first, max_jobs_in_envelope - 1);
    EXPECT_EQ(last.to_string().substr(0, 18), first.to_string().substr(0, 18));
    EXPECT_EQ(last.bytes[8] >> 6, 2);
  }
}

TEST(JobIdTest, CountsOverTheWholeNumber) {
  const JobId last = samples::id("01a17687-5c00-7a3d-ffff-ffffffffffff");
  EXPECT_EQ(id_after(last, 0), last);
  EXPECT_EQ(id_after(last, 3).to_string(), "01a17687-5c00-7a3e-0000-000000000002");
  EXPECT_EQ(id_after(samples::first_id(), 0x55).to_string(),
            "01a17687-5c00-7a3d-8e4f-012345678a00");
}

TEST(JobIdTest, TextAndBytesAreTheSameId) {
  const std::string text = "01a17687-5c00-7a3d-8e4f-0123456789ab";
  EXPECT_EQ(JobId::parse(text)->to_string(), text);
  EXPECT_EQ(JobId::parse("01A17687-5C00-7A3D-8E4F-0123456789AB")->to_string(), text);
  EXPECT_EQ(JobId::parse(text)->bytes[0], 0x01);
  EXPECT_EQ(JobId::parse(text)->bytes[15], 0xab);
}

TEST(JobIdTest, ParsesNothingButTheFullForm) {
  for (const std::string text :
       {"", "01a17687", "01a176875c007a3d8e4f0123456789ab", "01a17687-5c00-7a3d-8e4f-0123456789a",
        "01a17687-5c00-7a3d-8e4f-0123456789abc", "01a17687-5c00-7a3d-8e4f-0123456789ag",
        "01a17687_5c00-7a3d-8e4f-0123456789ab", "01a17687-5c00-7a3d-8e4f0-123456789ab",
        "{1a17687-5c00-7a3d-8e4f-0123456789a}"}) {
    EXPECT_FALSE(JobId::parse(text)) << text;
  }
}

}  // namespace
}  // namespace ferry::wire
