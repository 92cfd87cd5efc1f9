#include "revisions/pattern.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "support/fake_reply.hpp"

namespace ferry::revisions {
namespace {

using nlohmann::json;

std::string found(const std::string& pattern, const std::string& reply,
                  Reading reading = Reading::exact) {
  Names names;
  const auto answer = test::fake_reply(reply);
  return difference(json::parse(pattern), answer->root(), reading, names);
}

TEST(PatternTest, FindsWhatAnOldProgramWouldNotUnderstand) {
  struct Case {
    std::string pattern;
    std::string reply;
    bool exact;
    bool shape;
  };
  const Case cases[]{
      {R"(["=OK", "int", "..."])", R"(["OK", 1])", true, true},
      {R"(["=OK", "int", "..."])", R"(["OK", 1, "more", [2]])", true, true},
      {R"(["=OK", "int", "..."])", R"(["ROUTE", 1])", false, false},
      {R"(["=OK", "int", "..."])", R"(["OK", "1"])", false, false},
      {R"(["=OK", "int", "..."])", R"(["OK"])", false, true},
      {R"(["=OK", "int"])", R"(["OK", 1, 2])", false, true},
      {R"(["int", "int", "text"])", R"([1, 2, ""])", true, true},
      {R"(3)", "3", true, true},
      {R"(3)", "4", false, true},
      {R"(3)", R"("3")", false, false},
      {R"("any")", "null", true, true},
      {R"("any")", R"({"error": "ERR no"})", true, true},
      {R"("no error")", R"({"error": "ERR no"})", false, false},
      {R"("no error")", R"(["ROUTE"])", true, true},
      {R"({"error": "FERRYBAD"})", R"({"error": "FERRYBAD what"})", true, true},
      {R"({"error": "FERRYBAD"})", R"({"error": "OOM what"})", false, false},
      {R"({"error": "FERRYBAD"})", R"(["OK"])", false, false},
      {R"({"at least": 4})", "5", true, true},
      {R"({"at least": 4})", "3", false, false},
      {R"({"entries": 1})", R"([["1-0", ["e", "bytes"]]])", true, true},
      {R"({"entries": 2})", R"([["1-0", ["e", "bytes"]]])", false, true},
      {R"({"entries": 1})", R"([["1-0", null]])", false, false},
      {"null", "null", true, true},
      {"null", R"("x")", false, true},
      {"null", "1", false, false},
      {R"("text")", "null", false, true},
      {R"([["=<entry:1>", "int"]])", "[]", false, true},
      {R"(["=OK", "..."])", "[]", false, false},
      {"[]", "[]", true, true},
      {"[]", "[1]", false, true},
      {R"("=<worker:1>")", R"("old.1")", true, true},
      {R"("=<worker:1>")", R"("old.2")", false, true},
      {R"("=OK")", R"("GONE")", false, true},
      {R"("=OK")", R"("ROUTE")", false, false},
      {R"("=GAP")", R"("STALE")", false, false},
  };
  for (const Case& each : cases) {
    const std::string what = each.pattern + " and " + each.reply;
    EXPECT_EQ(found(each.pattern, each.reply).empty(), each.exact) << what;
    EXPECT_EQ(found(each.pattern, each.reply, Reading::shape).empty(), each.shape) << what;
  }
}

TEST(NamesTest, FillInWhatTheRunKnows) {
  Names names;
  names.begin_scene();
  const std::string envelope = names.bytes_of("x:9501000ac410<id:six.1>c400").value();
  names.see_entry("7-0", envelope);
  names.see_entry("8-0", envelope);
  names.see_counts("1700", 1, "6-2");
  EXPECT_EQ(names.bytes_of("1:<entry:2>"), "1:8-0");
  EXPECT_EQ(names.bytes_of("<jobs:1>"), "10");
  EXPECT_EQ(names.bytes_of("<jobs:1+2>"), "20");
  EXPECT_EQ(names.bytes_of("<bytes:1+2>"), std::to_string(2 * envelope.size()));
  EXPECT_EQ(names.bytes_of("x:<jobs16:1><bytes32:2>"), std::string("\0\x0a\0\0\0\x18", 6));
  EXPECT_EQ(names.bytes_of("(<delivered:1>"), "(6-2");
  EXPECT_EQ(names.bytes_of("<now>"), "1700");
  EXPECT_EQ(names.bytes_of("x:<41*3>42"), "AAAB");
  EXPECT_EQ(names.bytes_of("x:<ms:0>").value().size(), 8u);
  EXPECT_EQ(names.bytes_of(">"), ">");
  EXPECT_EQ(names.bytes_of(""), "");
}

TEST(NamesTest, KeepIdsAndWorkersOverScenesAndProducersWithinOne) {
  Names names;
  const auto id = names.bytes_of("<hex:six.1+3>");
  const auto producer = names.bytes_of("<producer:1>");
  EXPECT_EQ(names.bytes_of("<producer:1>"), producer);
  EXPECT_NE(names.bytes_of("<producer:2>"), producer);
  names.see_entry("1-0", "");
  names.begin_scene();
  EXPECT_EQ(names.bytes_of("<hex:six.1+3>"), id);
  EXPECT_NE(names.bytes_of("<hex:six.1+2>"), id);
  EXPECT_NE(names.bytes_of("<producer:1>"), producer) << "a process of its own";
  EXPECT_EQ(names.bytes_of("<entry:1>"), std::nullopt) << "not seen in this scene";
  EXPECT_THROW(names.bytes_of("<entyr:1>"), std::invalid_argument);
  EXPECT_THROW(names.bytes_of("<entry:one>"), std::invalid_argument);
}

}  // namespace
}  // namespace ferry::revisions
