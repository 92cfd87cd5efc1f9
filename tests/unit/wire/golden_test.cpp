#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "samples.hpp"
#include "scratch_folder.hpp"
#include "secrets/payload_keys.hpp"
#include "wire/envelope.hpp"

// The stored format is public: these bytes must decode for ever, here and in other languages
// (tests/node). A change that breaks them needs a new version of the envelope.

namespace ferry::wire {
namespace {

using nlohmann::json;

const std::string folder = std::string(FERRY_SOURCE_DIR) + "/tests/unit/golden/";

json vectors() {
  std::ifstream file(folder + "vectors.json");
  return json::parse(file).at("vectors");
}

std::string from_hex(std::string_view text) {
  std::string bytes;
  std::string pair;
  for (const char c : text) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) continue;
    pair.push_back(c);
    if (pair.size() < 2) continue;
    bytes.push_back(static_cast<char>(std::stoi(pair, nullptr, 16)));
    pair.clear();
  }
  return bytes;
}

std::string stored(const json& vector) {
  std::ifstream file(folder + vector.at("file").get<std::string>());
  std::stringstream text;
  text << file.rdbuf();
  return from_hex(text.str());
}

std::string payload_of(const json& job) {
  const std::vector<std::uint8_t> packed = json::to_msgpack(job.at("payload"));
  return {packed.begin(), packed.end()};
}

/// Returns: the payload as it was before it was sealed.
std::string opened(const StoredJob& job, const json& vector) {
  if (job.extras == nullptr || job.extras->key_id.empty()) return std::string(job.payload);
  const json& sealing = vector.at("sealing");
  const ScratchFolder scratch;
  const std::string path = scratch.file("keys");
  std::ofstream(path) << sealing.at("key_id").get<std::string>() << ' '
                      << sealing.at("key").get<std::string>() << '\n';
  ::chmod(path.c_str(), 0600);
  const std::string queue = sealing.at("queue");
  std::string payload(job.payload.size(), '\0');
  EXPECT_TRUE(secrets::PayloadKeys(path).open(job.extras->key_id, {job.id, queue, job.kind},
                                              job.payload, payload.data()));
  payload.resize(payload.size() - secrets::PayloadKeys::overhead_bytes);
  return payload;
}

/// Owns the texts that `extras` points to.
struct WantedExtras {
  std::string traceparent, batch_key, last_reason, key_id;
  std::map<std::string, std::string> headers;
  Extras extras;

  explicit WantedExtras(const json& job) {
    const json wanted = job.value("extras", json::object());
    traceparent = wanted.value("traceparent", "");
    batch_key = wanted.value("batch_key", "");
    last_reason = wanted.value("last_reason", "");
    headers = wanted.value("headers", headers);
    key_id = wanted.value("key_id", "");
    extras.expires_at_ms = wanted.value("expires_at_ms", std::uint64_t{0});
    extras.attempts = wanted.value("attempts", 0);
    extras.max_attempts = wanted.value("max_attempts", 0);
    extras.latency_budget_ms = wanted.value("latency_budget_ms", 0);
    extras.traceparent = traceparent;
    extras.batch_key = batch_key;
    extras.last_reason = last_reason;
    extras.headers.assign(headers.begin(), headers.end());
    extras.key_id = key_id;
  }
};

void expect_job(const StoredJob& job, const json& wanted, const json& vector) {
  EXPECT_EQ(job.id.to_string(), wanted.at("id"));
  EXPECT_EQ(job.kind, wanted.at("kind").get<std::string>());
  EXPECT_EQ(job.enqueued_us, wanted.at("enqueued_us"));
  EXPECT_EQ(opened(job, vector), payload_of(wanted));
  const WantedExtras extras(wanted);
  const Extras found = job.extras ? *job.extras : Extras{};
  EXPECT_EQ(found.expires_at_ms, extras.extras.expires_at_ms);
  EXPECT_EQ(found.attempts, extras.extras.attempts);
  EXPECT_EQ(found.max_attempts, extras.extras.max_attempts);
  EXPECT_EQ(found.latency_budget_ms, extras.extras.latency_budget_ms);
  EXPECT_EQ(found.traceparent, extras.traceparent);
  EXPECT_EQ(found.batch_key, extras.batch_key);
  EXPECT_EQ(found.last_reason, extras.last_reason);
  EXPECT_EQ(found.headers, extras.extras.headers);
  EXPECT_EQ(found.key_id, extras.key_id);
}

std::string rewritten(const json& vector) {
  std::optional<Death> death;
  std::string reason;
  if (vector.contains("death")) {
    reason = vector["death"]["reason"];
    death = Death{reason, vector["death"]["died_at_ms"], vector["death"]["deliveries"]};
  }
  const JobId first_id = samples::id(vector.at("first_id").get<std::string>());
  if (vector.contains("opaque")) {
    return wrap_opaque(from_hex(vector["opaque"].get<std::string>()), vector.at("count"), first_id,
                       *death);
  }
  EnvelopeWriter writer(first_id);
  for (const json& job : vector.at("jobs")) {
    const WantedExtras extras(job);
    const std::string payload = payload_of(job);
    const std::string kind = job.at("kind");
    const std::uint64_t enqueued_us = job.at("enqueued_us");
    if (vector.at("flags") == flag_own_ids) {
      const JobId own = samples::id(job.at("id").get<std::string>());
      writer.add_moved({own, kind, payload, enqueued_us, nullptr}, &extras.extras);
    } else {
      writer.add(kind, payload, enqueued_us, &extras.extras);
    }
  }
  return writer.finish(0, death);
}

TEST(GoldenTest, StoredEnvelopesDecodeToWhatTheyHold) {
  ASSERT_EQ(vectors().size(), 11u);
  for (const json& vector : vectors()) {
    SCOPED_TRACE(vector.at("file"));
    const std::string bytes = stored(vector);
    StoredEnvelope out;
    ASSERT_EQ(decode(bytes, out), "");
    EXPECT_EQ(out.head.flags, vector.at("flags"));
    EXPECT_EQ(out.head.count, vector.at("count"));
    EXPECT_EQ(out.head.first_id.to_string(), vector.at("first_id"));
    const json jobs = vector.value("jobs", json::array());
    ASSERT_EQ(out.jobs.size(), jobs.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) expect_job(out.jobs[i], jobs[i], vector);
    EXPECT_EQ(std::string(out.opaque), from_hex(vector.value("opaque", "")));
    ASSERT_EQ(out.death.has_value(), vector.contains("death"));
    if (!out.death) continue;
    EXPECT_EQ(out.death->reason, vector["death"]["reason"].get<std::string>());
    EXPECT_EQ(out.death->died_at_ms, vector["death"]["died_at_ms"]);
    EXPECT_EQ(out.death->deliveries, vector["death"]["deliveries"]);
  }
}

TEST(GoldenTest, TheWriterMakesTheSameBytes) {
  int compared = 0;
  for (const json& vector : vectors()) {
    if (!vector.at("rewritten")) continue;
    SCOPED_TRACE(vector.at("file"));
    EXPECT_EQ(rewritten(vector), stored(vector));
    ++compared;
  }
  EXPECT_EQ(compared, 6);
}

}  // namespace
}  // namespace ferry::wire
