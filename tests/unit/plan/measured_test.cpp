#include "plan/measured.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "ferry/error.hpp"
#include "unit/plan/measured_run.hpp"

namespace ferry::plan {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

Measured read(const json& value) { return read_measured(value.dump(), "run.json"); }

std::string refusal(const json& value) {
  try {
    read(value);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  return "nothing was wrong";
}

TEST(MeasuredTest, FindsWhatTheHandlerTakes) {
  const Measured measured = read(measured_file());
  EXPECT_EQ(measured.name, "model");
  EXPECT_EQ(measured.concurrency, 4U);
  EXPECT_TRUE(measured.sizes_differ);
  EXPECT_NEAR(measured.run_time.per_batch, 4000, 1e-6);
  EXPECT_NEAR(measured.run_time.per_job, 200, 1e-6);
  EXPECT_NEAR(measured.worker_cpu.at(10, 1000), 140, 1e-6);
  EXPECT_NEAR(measured.redis_cpu.at(4, 1000), 12, 1e-6);
  EXPECT_NEAR(measured.producer_cpu.per_job, 30, 1e-6);
  EXPECT_NEAR(measured.redis_commands.per_batch, 4, 1e-6);
  EXPECT_NEAR(measured.noise, std::log(5090.0 / 4200) / 1.2815515655, 1e-9);
  EXPECT_FALSE(measured.noise_assumed);
  EXPECT_EQ(measured.redis_bytes, 180);
  EXPECT_NEAR(measured.outside_us, 300, 1e-9) << "enqueue, wait and settle";
}

TEST(MeasuredTest, NamesTheMemberThatIsMissingAndWhatToDo) {
  for (const char* name :
       {"policy", "rate", "seconds", "done", "mean_batch", "handler_time_us", "worker_cpu_us",
        "redis_cpu_us", "producer_cpu_us", "redis_commands", "bytes"}) {
    json file = measured_file();
    file["runs"][1].erase(name);
    EXPECT_THAT(refusal(file), AllOf(HasSubstr("run.json"), HasSubstr("runs[1]"),
                                     HasSubstr('"' + std::string(name) + '"'),
                                     HasSubstr("ferry compare PROGRAM --rates")));
  }
  json file = measured_file();
  file.erase("settings");
  EXPECT_THAT(refusal(file), HasSubstr("\"settings\" is missing"));
  file = measured_file();
  file.erase("runs");
  EXPECT_THAT(refusal(file), HasSubstr("no \"runs\""));
  EXPECT_THAT(refusal(json::array()), HasSubstr("no JSON object"));
  file = measured_file();
  file["runs"][0]["done"] = "many";
  EXPECT_THAT(refusal(file), AllOf(HasSubstr("runs[0]"), HasSubstr("\"done\" is no number")));
}

TEST(MeasuredTest, RefusesNumbersThatNothingMeasures) {
  for (const json& value : {json(-1), json(1e300), json(1.1e15), json(nullptr), json("5")}) {
    for (const char* name : {"rate", "seconds", "done", "mean_batch", "bytes"}) {
      json file = measured_file();
      file["runs"][0][name] = value;
      EXPECT_THAT(refusal(file), AllOf(HasSubstr("runs[0]"), HasSubstr(name))) << value;
    }
    json file = measured_file();
    file["settings"]["concurrency"] = value;
    EXPECT_THAT(refusal(file), HasSubstr("concurrency")) << value;
  }
  json file = measured_file();
  file["settings"]["concurrency"] = 100'001;
  EXPECT_THAT(refusal(file), HasSubstr("from 1 to 100000"));
  file = measured_file();
  file["machine"]["cores"] = nullptr;
  EXPECT_NO_THROW(read(file)) << "as many as can be written";
}

TEST(MeasuredTest, ToleratesWhatItCanDoWithout) {
  json file = measured_file();
  file.erase("redis_bytes_per_job");
  file.erase("machine");
  file.erase("experiment");
  file["of_a_later_version"] = {1, 2};
  for (json& run : file["runs"]) {
    for (const char* name :
         {"run_p50_us", "run_p90_us", "stages_us_per_job", "mean_us", "lagged"}) {
      run.erase(name);
    }
    run["p99_us"] = nullptr;  // infinite
  }
  const Measured measured = read(file);
  EXPECT_TRUE(measured.noise_assumed);
  EXPECT_TRUE(measured.redis_bytes_estimated);
  EXPECT_NEAR(measured.redis_bytes, 250, 1e-6) << "half of the bytes moved";
  EXPECT_EQ(measured.outside_us, 0);
  EXPECT_TRUE(std::isinf(measured.runs[0].p99));
}

TEST(MeasuredTest, LeavesOutRunsWhoseGeneratorLagged) {
  json file = measured_file();
  file["runs"][2]["lagged"] = true;
  EXPECT_FALSE(read(file).sizes_differ);
  for (json& run : file["runs"]) run["lagged"] = true;
  EXPECT_THAT(refusal(file), HasSubstr("no run did jobs"));
}

TEST(MeasuredTest, TakesTheProcessorsForAConcurrencyOfNone) {
  json file = measured_file();
  file["settings"]["concurrency"] = 0;
  EXPECT_EQ(read(file).concurrency, 2U);
  file.erase("machine");
  EXPECT_THAT(refusal(file), HasSubstr("\"machine\" is missing"));
}

}  // namespace
}  // namespace ferry::plan
