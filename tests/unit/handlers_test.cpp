#include "ferry/handlers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "ferry/error.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct Letter {
  static constexpr std::string_view kind = "letter";
  std::string text;
  MSGPACK_DEFINE_MAP(text)
};

struct Misnamed {
  static constexpr std::string_view kind = "no spaces, please";
  int field = 0;
  MSGPACK_DEFINE_MAP(field)
};

std::string refusal(const auto& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  return "no error";
}

std::string packed(std::string text) {
  msgpack::sbuffer buffer;
  msgpack::pack(buffer, Letter{std::move(text)});
  return {buffer.data(), buffer.size()};
}

/// A batch of letters as the graph would carry it.
struct Mail {
  explicit Mail(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) payloads.push_back(packed(text));
    for (const std::string& payload : payloads) {
      detail::RawItem item;
      item.context = &context;
      item.payload = payload;
      batch.items.push_back(item);
    }
  }

  JobContext context;
  std::vector<std::string> payloads;
  detail::RawBatch batch;
};

auto ignore_letter = [](const JobContext&, const Letter&) {};

TEST(HandlersTest, KeepsWhatItWasTold) {
  Handlers handlers;
  handlers.on<Letter>(ignore_letter, {.concurrency = 3, .max_attempts = 2});
  ASSERT_EQ(handlers.all().size(), 1u);
  EXPECT_EQ(handlers.all()[0].kind, "letter");
  EXPECT_TRUE(handlers.all()[0].per_job);
  EXPECT_EQ(handlers.all()[0].options.concurrency, 3u);
  EXPECT_EQ(handlers.all()[0].policy.to_string(), "realtime");
}

TEST(HandlersTest, RefusesTwoHandlersForOneKind) {
  Handlers handlers;
  handlers.on<Letter>(ignore_letter);
  EXPECT_THAT(refusal([&] { handlers.on_batch<Letter>(fixed(2, 1ms), [](Batch<Letter>&) {}); }),
              HasSubstr("kind \"letter\" has two handlers"));
  EXPECT_EQ(handlers.all().size(), 1u);
}

TEST(HandlersTest, RefusesABadKindName) {
  Handlers handlers;
  EXPECT_THAT(refusal([&] { handlers.on<Misnamed>([](const JobContext&, const Misnamed&) {}); }),
              HasSubstr("no spaces, please"));
}

TEST(HandlersTest, NamesTheKindWhosePolicyOrOptionsAreWrong) {
  Handlers handlers;
  EXPECT_THAT(refusal([&] { handlers.on<Letter>(realtime(0), ignore_letter); }),
              HasSubstr("handler of \"letter\": policy.max_jobs is 0"));
  EXPECT_THAT(refusal([&] { handlers.on<Letter>(ignore_letter, {.max_attempts = 0}); }),
              HasSubstr("handler of \"letter\": max_attempts is 0"));
  EXPECT_TRUE(handlers.all().empty());
}

TEST(HandlersTest, RunsEachJobAndTakesItsWord) {
  Handlers handlers;
  handlers.on<Letter>([](const JobContext&, const Letter& letter) -> Outcome {
    if (letter.text == "throw") throw std::runtime_error("torn");
    if (letter.text == "throw 7") throw 7;
    if (letter.text == "fail") return fail("no address");
    return done();
  });
  Mail mail({"good", "throw", "fail", "throw 7", "good"});
  handlers.all()[0].run(mail.batch);
  std::vector<std::string> words;
  for (const auto& item : mail.batch.items) {
    EXPECT_TRUE(item.marked);
    words.push_back(std::string(to_string(item.outcome.kind)) + " " + item.outcome.reason);
  }
  EXPECT_THAT(words, ElementsAre("done ", "retry torn", "fail no address",
                                 "retry an exception that is not a std::exception", "done "));
}

TEST(HandlersTest, TakesABatchHandlersWordForTheJobsThatItHasNotMarked) {
  Handlers handlers;
  handlers.on_batch<Letter>(realtime(4), [](Batch<Letter>& batch) {
    batch[0].done();
    batch[1].fail("no address");
    return retry("the post office is closed");
  });
  Mail mail({"good", "bad", "other", "last"});
  mail.batch.items[3].payload = "\xc1";
  handlers.all()[0].run(mail.batch);
  std::vector<std::string> words;
  for (const auto& item : mail.batch.items) {
    EXPECT_TRUE(item.marked);
    words.push_back(std::string(to_string(item.outcome.kind)) + " " + item.outcome.reason);
  }
  EXPECT_THAT(words, ElementsAre("done ", "fail no address", "retry the post office is closed",
                                 HasSubstr("fail payload cannot be decoded")));
}

TEST(HandlersTest, RefusesANegativeDelay) {
  for (const auto delay : {-1ms, -5ms, std::chrono::milliseconds::min()}) {
    const std::string why =
        "retry_after is " + std::to_string(delay.count()) + " ms: expected 0 (at once) to 366 days";
    EXPECT_THAT(refusal([&] { static_cast<void>(retry_after(delay, "busy")); }), HasSubstr(why));

    detail::RawItem item;
    BatchItem<Letter> one({}, item);
    EXPECT_THAT(refusal([&] { one.retry_after(delay, "busy"); }), HasSubstr(why));
    EXPECT_FALSE(item.marked);

    Outcome told;
    Completion([&](Outcome outcome) { told = std::move(outcome); }).retry_after(delay, "busy");
    EXPECT_EQ(told.kind, OutcomeKind::retry) << "its thread may have nobody to catch anything";
    EXPECT_EQ(told.delay, kinds_backoff);
    EXPECT_THAT(told.reason, testing::AllOf(HasSubstr(why), testing::EndsWith("; busy")));
  }
  EXPECT_EQ(retry_after(0ms, "").delay, 0ms);
}

TEST(HandlersTest, GivesABatchOnlyWhatCanBeDecoded) {
  Handlers handlers;
  std::vector<std::string> seen;
  handlers.on_batch<Letter>(fixed(10, 1ms), [&](Batch<Letter>& batch) {
    for (auto& item : batch) seen.push_back(item->text);
    batch[1].retry_after(3s, "busy");
  });
  Mail mail({"a", "b", "c"});
  mail.batch.items[1].payload = "\xc1";  // never used by msgpack
  handlers.all()[0].run(mail.batch);
  EXPECT_THAT(seen, ElementsAre("a", "c"));
  EXPECT_FALSE(mail.batch.items[0].marked);
  EXPECT_EQ(mail.batch.items[1].outcome.kind, OutcomeKind::fail);
  EXPECT_THAT(mail.batch.items[1].outcome.reason, HasSubstr("cannot be decoded"));
  EXPECT_EQ(mail.batch.items[2].outcome.delay, 3s);
}

TEST(HandlersTest, LetsABatchHandlersExceptionOut) {
  Handlers handlers;
  handlers.on_batch<Letter>(fixed(10, 1ms), [](Batch<Letter>& batch) {
    batch[0].done();
    throw std::runtime_error("half way");
  });
  Mail mail({"a", "b"});
  EXPECT_THROW(handlers.all()[0].run(mail.batch), std::runtime_error);
  EXPECT_TRUE(mail.batch.items[0].marked);
  EXPECT_FALSE(mail.batch.items[1].marked);
}

TEST(HandlerOptionsTest, RefusesFieldsOutOfRangeByName) {
  EXPECT_NO_THROW(HandlerOptions{}.validate());
  EXPECT_NO_THROW((HandlerOptions{.concurrency = 1024, .max_attempts = 1000}).validate());
  const auto refused = [](HandlerOptions options) { return refusal([&] { options.validate(); }); };
  EXPECT_THAT(refused({.concurrency = 1025}), HasSubstr("concurrency is 1025"));
  EXPECT_THAT(refused({.max_attempts = 0}), HasSubstr("max_attempts is 0"));
  EXPECT_THAT(refused({.max_attempts = 1001}), HasSubstr("expected 1 to 1000"));
  EXPECT_THAT(refused({.backoff = {0ms, 1s}}), HasSubstr("backoff.base is 0 ms"));
  EXPECT_THAT(refused({.backoff = {2h, 3h}}), HasSubstr("backoff.base"));
  EXPECT_THAT(refused({.backoff = {1s, 500ms}}), HasSubstr("backoff.cap is 500 ms"));
  EXPECT_THAT(refused({.backoff = {1s, std::chrono::days{367}}}), HasSubstr("366 days"));
}

/// Collects what a completion said.
struct Ends {
  std::vector<std::string> words;
  Completion make() {
    return Completion([this](Outcome outcome) {
      words.push_back(std::string(to_string(outcome.kind)) + " " + outcome.reason);
    });
  }
};

TEST(CompletionTest, CountsTheFirstWordOnly) {
  Ends ends;
  {
    const Completion completion = ends.make();
    const Completion copy = completion;
    copy.fail("declined");
    completion.done();
    completion.retry("later");
  }
  EXPECT_THAT(ends.words, ElementsAre("fail declined"));
}

TEST(CompletionTest, MeansRetryWhenDestroyedWithoutAWord) {
  Ends ends;
  {
    const Completion completion = ends.make();
    const Completion copy = completion;
  }
  ASSERT_EQ(ends.words.size(), 1u);
  EXPECT_THAT(ends.words[0], HasSubstr("retry the completion was destroyed without a word"));
}

TEST(CompletionTest, SurvivesBeingMovedFrom) {
  Ends ends;
  Completion completion = ends.make();
  const Completion moved = std::move(completion);
  completion.done();  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_TRUE(ends.words.empty());
  moved.retry_after(1s, "busy");
  EXPECT_THAT(ends.words, ElementsAre("retry busy"));
}

}  // namespace
}  // namespace ferry
