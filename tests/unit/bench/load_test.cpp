#include "bench/load.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "bench/records.hpp"
#include "ferry/client.hpp"
#include "wire/envelope.hpp"

namespace ferry::bench {
namespace {

std::size_t packed_bytes(const Blob& blob) {
  detail::PackedJobs packed;
  packed.add(blob);
  return packed.bytes();
}

TEST(BlobTest, PacksToExactlyAsManyBytesAsAskedFor) {
  for (const std::size_t bytes : {16, 100, 1024, 10'240, 65'536}) {
    EXPECT_EQ(packed_bytes(blob_of(bytes)), bytes);
  }
}

TEST(LoadTest, AsManyJobsFitAsTheFirstBoundAllows) {
  Load load{.payload_bytes = 16, .max_bytes_per_envelope = 32 * 1024};
  EXPECT_EQ(jobs_that_fit(load), 256U);
  load.payload_bytes = 10 * 1024;
  EXPECT_EQ(jobs_that_fit(load), 3U);
  load.payload_bytes = 64 * 1024;
  EXPECT_EQ(jobs_that_fit(load), 1U) << "a larger one travels alone";
}

TEST(LoadTest, LargeBlobsAreFewerSoThatTheyFitIntoMemory) {
  EXPECT_EQ(blobs_of({.payload_bytes = 100}, 5000).size(), 5000U);
  EXPECT_EQ(blobs_of({.payload_bytes = 64 * 1024}, 5000).size(), 1024U);
}

TEST(RecordsTest, AreJsonAndTheSameEachTime) {
  const auto list = records(200);
  std::set<std::string> different;
  for (const Blob& blob : list) {
    const auto object = nlohmann::json::parse(blob.body, nullptr, false);
    ASSERT_TRUE(object.is_object()) << blob.body;
    ASSERT_TRUE(object.at("user").at("id").is_number()) << blob.body;
    different.insert(object.at("message").get<std::string>());
  }
  EXPECT_EQ(different.size(), list.size());
  EXPECT_EQ(records(200).back().body, list.back().body);
}

TEST(RecordsTest, HaveTheSizeThatTheLimitIsGiven) {
  const auto list = records(2000);
  std::size_t bytes = 0;
  for (const Blob& blob : list) bytes += packed_bytes(blob);
  EXPECT_NEAR(static_cast<double>(bytes) / 2000, record_payload_bytes, 2);
}

TEST(RecordsTest, AreNotOneRecordRepeated) {
  // 64 in an envelope compress to a quarter or so; one record 64 times would to a fiftieth.
  wire::EnvelopeWriter writer{JobId{}};
  std::size_t bytes = 0;
  for (const Blob& blob : records(64)) {
    writer.add(Blob::kind, blob.body, 1'700'000'000'000'000);
    bytes += blob.body.size();
  }
  const double part = static_cast<double>(writer.finish(1).size()) / static_cast<double>(bytes);
  EXPECT_GT(part, 0.15);
  EXPECT_LT(part, 0.6);
}

}  // namespace
}  // namespace ferry::bench
