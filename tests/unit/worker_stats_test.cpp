#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "ferry/worker.hpp"

namespace ferry {
namespace {

using testing::HasSubstr;
using testing::Not;

WorkerStats busy() {
  WorkerStats stats;
  stats.fetched_jobs = 1000;
  stats.fetched_envelopes = 10;
  stats.done = 990;
  stats.retried = 6;
  stats.failed = 4;
  stats.batches = 25;
  stats.left_for[static_cast<std::size_t>(LeaveReason::size)] = 20;
  stats.left_for[static_cast<std::size_t>(LeaveReason::linger)] = 5;
  stats.round_trips = 50;
  stats.bytes_out = 500;
  stats.bytes_in = 3 * 1024 * 1024 / 2;
  stats.credit_jobs_free = -5;
  stats.credit_jobs_out = 15;
  stats.credit_jobs_total = 10;
  stats.run.record(20, 99);
  stats.run.record(2'500'000);
  stats.batch_size.record(40, 25);
  return stats;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string line_with(const std::string& text, const std::string& beginning) {
  for (const std::string& line : lines_of(text)) {
    if (line.rfind(beginning, 0) == 0) return line;
  }
  return "no such line";
}

TEST(WorkerStatsTest, TellsPeopleWhatHappenedInAFewLines) {
  const std::string text = busy().to_text();
  EXPECT_LE(lines_of(text).size(), 12u);
  EXPECT_THAT(line_with(text, "jobs "), HasSubstr("done 990, retried 6, failed 4"));
  EXPECT_THAT(line_with(text, "envelopes"), HasSubstr("jobs each 100"));
  EXPECT_THAT(line_with(text, "credits"), HasSubstr("free -5, out 15, total 10"));
  EXPECT_THAT(line_with(text, "redis"), HasSubstr("sent 500 B, received 1.50 MiB"));
  EXPECT_THAT(line_with(text, "redis"), HasSubstr("round trips a job 0.05"));
}

TEST(WorkerStatsTest, TellsWhatWasLearnedUnderALatencyBudget) {
  WorkerStats stats;
  EXPECT_EQ(stats.to_text().find("budget"), std::string::npos);
  stats.budgets.push_back({.kind = "mail",
                           .jobs = 100,
                           .over_budget = 3,
                           .dial = 0.5,
                           .fixed_us = 4000,
                           .per_job_us = 200,
                           .useful_size = 20});
  const std::string line = line_with(stats.to_text(), "budget");
  for (const char* part :
       {"mail 100", "over 3", "dial 0.5", "a call 4", "a job 200", "useful size 20"}) {
    EXPECT_THAT(line, HasSubstr(part));
  }
  const auto json = nlohmann::json::parse(stats.to_json());
  EXPECT_EQ(json["budgets"][0]["kind"], "mail");
  EXPECT_EQ(json["budgets"][0]["over_budget"], 3);
}

TEST(WorkerStatsTest, TellsHowManyHandlersOfAnAdaptiveKindMayRun) {
  WorkerStats stats;
  stats.concurrency.push_back({.kind = "mail", .limit = 3, .most = 8});
  EXPECT_THAT(line_with(stats.to_text(), "handlers"), HasSubstr("mail 3, of 8"));
  const auto json = nlohmann::json::parse(stats.to_json());
  EXPECT_EQ(json["concurrency"][0]["limit"], 3);
  EXPECT_EQ(json["concurrency"][0]["most"], 8);
}

TEST(WorkerStatsTest, NamesOnlyTheReasonsThatOccurred) {
  const std::string line = line_with(busy().to_text(), "batches");
  EXPECT_THAT(line, HasSubstr("left 25, size 20, linger 5"));
  EXPECT_THAT(line, Not(HasSubstr("idle")));
}

TEST(WorkerStatsTest, WritesTimesInTheUnitThatFits) {
  const std::string run = line_with(busy().to_text(), "run");
  EXPECT_THAT(run, HasSubstr("20 µs"));
  EXPECT_THAT(run, HasSubstr("25.0 ms"));  // the mean
  EXPECT_THAT(run, HasSubstr("2.50 s"));
}

TEST(WorkerStatsTest, AlignsItsColumns) {
  std::vector<std::size_t> widths;
  bool table = false;
  for (const std::string& line : lines_of(busy().to_text())) {
    table = table || line.find("p99.9") != line.npos;
    if (!table) continue;
    widths.push_back(static_cast<std::size_t>(std::count_if(
        line.begin(), line.end(), [](char c) { return (static_cast<int>(c) & 0xc0) != 0x80; })));
  }
  ASSERT_EQ(widths.size(), 5u);
  EXPECT_EQ(widths, std::vector<std::size_t>(5, widths[0]));
}

TEST(WorkerStatsTest, SaysNothingStrangeOfAWorkerThatDidNothing) {
  const std::string text = WorkerStats{}.to_text();
  EXPECT_THAT(text, Not(HasSubstr("nan")));
  EXPECT_THAT(text, Not(HasSubstr("inf")));
}

TEST(WorkerStatsTest, TellsProgramsEverything) {
  const auto json = nlohmann::json::parse(busy().to_json());
  EXPECT_EQ(json["fetched_jobs"], 1000);
  EXPECT_EQ(json["credit_jobs_free"], -5);
  EXPECT_EQ(json["left_for"].size(), leave_reason_count);
  EXPECT_EQ(json["left_for"]["size"], 20);
  EXPECT_EQ(json["left_for"]["idle"], 0);
  const auto& run = json["run"];
  EXPECT_EQ(run["count"], 100);
  EXPECT_NEAR(run["mean"].get<double>(), 25'019.8, 0.1);
  EXPECT_EQ(run["p50"], 20);
  EXPECT_EQ(run["max"], 2'500'000);
  for (const char* name : {"enqueue_to_start", "enqueue_to_settled", "run", "batch_size"}) {
    for (const char* key : {"count", "mean", "p50", "p90", "p99", "p999", "max"}) {
      EXPECT_TRUE(json[name].contains(key)) << name << " " << key;
    }
  }
}

}  // namespace
}  // namespace ferry
