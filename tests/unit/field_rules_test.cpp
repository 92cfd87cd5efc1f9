#include "ferry/field_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ferry/error.hpp"
#include "ferry/handlers.hpp"

namespace ferry {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

enum class Colour : std::uint8_t { red, blue = 7 };
struct Nothing {};

struct Address {
  std::string street;
  int number = 0;
  MSGPACK_DEFINE_MAP(street, number)
};

struct Order {
  static constexpr std::string_view kind = "order";
  std::string name;
  std::uint8_t count = 0;
  bool gift = false;
  double weight = 0;
  std::optional<std::string> note;
  Address to;
  std::vector<Address> also;
  std::vector<int> numbers;
  std::chrono::milliseconds within{0};
  std::chrono::system_clock::time_point at;
  Colour colour = Colour::red;
  Nothing nothing;
  std::variant<std::monostate, int, std::string> answer;
  MSGPACK_DEFINE_MAP(name, count, gift, weight, note, to, also, numbers, within, at, colour,
                     nothing, answer)
};

/// Stored without the names of its fields.
struct Pair {
  static constexpr std::string_view kind = "pair";
  int first = 0;
  std::string second;
  MSGPACK_DEFINE(first, second)
};

struct Ping {
  static constexpr std::string_view kind = "ping";
};

template <typename T>
std::string packed(const T& value) {
  msgpack::sbuffer buffer;
  msgpack::pack(buffer, value);
  return {buffer.data(), buffer.size()};
}

/// A payload with one field, whose value `pack` writes.
std::string with_field(std::string_view name, const auto& pack) {
  msgpack::sbuffer buffer;
  msgpack::packer packer(buffer);
  packer.pack_map(1);
  packer.pack(name);
  pack(packer);
  return {buffer.data(), buffer.size()};
}

/// What becomes of a payload in a handler.
template <typename T>
Outcome outcome_of(const std::string& payload, FieldRules rules = {}, std::size_t* runs = nullptr) {
  Handlers handlers;
  handlers.on<T>(
      [&](const JobContext&, const T&) {
        if (runs != nullptr) ++*runs;
      },
      {.fields = std::move(rules)});
  JobContext context;
  detail::RawBatch batch;
  batch.items.push_back({&context, payload, {}, false});
  handlers.all()[0].run(batch);
  return batch.items[0].outcome;
}

TEST(FieldTypesTest, CarryTimesVariantsEnumsAndEmptyStructs) {
  Order order;
  order.within = 1500ms;
  order.at = std::chrono::system_clock::time_point(1'700'000'000'123ms);
  order.colour = Colour::blue;
  for (const auto& answer :
       {decltype(order.answer){}, decltype(order.answer){5}, decltype(order.answer){"yes"}}) {
    order.answer = answer;
    Order read;
    const std::string payload = packed(order);
    msgpack::zone zone;
    detail::unpack_payload(payload, zone).convert(read);
    EXPECT_EQ(read.within, order.within);
    EXPECT_EQ(read.at, order.at);
    EXPECT_EQ(read.colour, order.colour);
    EXPECT_EQ(read.answer, answer);
  }
  EXPECT_EQ(packed(Ping{}), "\x80");
  EXPECT_EQ(packed(1500ms), packed(1500));
  EXPECT_EQ(packed(Colour::blue), packed(7));
  EXPECT_EQ(packed(decltype(order.answer){5}), "\x92\x01\x05");
  EXPECT_EQ(outcome_of<Ping>(packed(Ping{})).kind, OutcomeKind::done);
}

TEST(FieldTypesTest, StoreATimeAsTheTimestampOfMsgpack) {
  using namespace std::chrono;
  struct Case {
    nanoseconds since_1970;
    std::string bytes;
  };
  const std::vector<Case> cases{
      {0s, std::string("\xd6\xff\0\0\0\0", 6)},
      {seconds{0xffffffff}, "\xd6\xff\xff\xff\xff\xff"},
      {1ns, std::string("\xd7\xff\0\0\0\4\0\0\0\0", 10)},
      {seconds{0x100000000}, std::string("\xd7\xff\0\0\0\1\0\0\0\0", 10)},
      {-1ns, std::string("\xc7\x0c\xff\x3b\x9a\xc9\xff\xff\xff\xff\xff\xff\xff\xff\xff", 15)},
  };
  for (const Case& one : cases) {
    const sys_time<nanoseconds> time(one.since_1970);
    EXPECT_EQ(packed(time), one.bytes);
    msgpack::zone zone;
    sys_time<nanoseconds> read;
    const std::string payload = packed(time);
    detail::unpack_payload(payload, zone).convert(read);
    EXPECT_EQ(read, time);
    sys_days day;
    detail::unpack_payload(payload, zone).convert(day);
    EXPECT_EQ(day, floor<days>(time));
  }
  // The year 3000 in seconds, which nanoseconds cannot hold.
  const std::string far = packed(sys_seconds(32'503'680'000s));
  msgpack::zone zone;
  sys_seconds whole;
  detail::unpack_payload(far, zone).convert(whole);
  EXPECT_EQ(whole.time_since_epoch(), 32'503'680'000s);
  sys_time<nanoseconds> fine;
  EXPECT_THROW(detail::unpack_payload(far, zone).convert(fine), msgpack::type_error);
}

TEST(DecodeErrorTest, NamesFieldWhatItHoldsAndWhatItsTypeTakes) {
  using Packer = msgpack::packer<msgpack::sbuffer>;
  struct Case {
    std::string payload;
    std::string said;
  };
  const auto address = [](Packer& packer, const auto& number) {
    packer.pack_map(2).pack("street").pack("High Street").pack("number").pack(number);
  };
  const std::vector<Case> cases{
      {with_field("name", [](Packer& p) { p.pack(5); }),
       "field \"name\" holds a whole number, expected text"},
      {with_field("count", [](Packer& p) { p.pack("five"); }),
       "field \"count\" holds text, expected a whole number"},
      {with_field("count", [](Packer& p) { p.pack(300); }),
       "field \"count\" holds a whole number, expected another one: it is out of range"},
      {with_field("count", [](Packer& p) { p.pack_nil(); }),
       "field \"count\" holds nil, expected a whole number"},
      {with_field("gift", [](Packer& p) { p.pack(1); }),
       "field \"gift\" holds a whole number, expected true or false"},
      {with_field("weight", [](Packer& p) { p.pack("heavy"); }),
       "field \"weight\" holds text, expected a number"},
      {with_field("note", [](Packer& p) { p.pack(1.5); }),
       "field \"note\" holds a number with a fraction, expected text"},
      {with_field("to", [](Packer& p) { p.pack("here"); }),
       "field \"to\" holds text, expected a map"},
      {with_field("to", [&](Packer& p) { address(p, "five"); }),
       "field \"to.number\" holds text, expected a whole number"},
      {with_field("also",
                  [&](Packer& p) {
                    p.pack_array(3);
                    address(p, 1);
                    address(p, 2);
                    address(p, true);
                  }),
       "field \"also[2].number\" holds true or false, expected a whole number"},
      {with_field("numbers", [](Packer& p) { p.pack_array(2).pack(1).pack("x"); }),
       "field \"numbers[1]\" holds text, expected a whole number"},
      {with_field("within", [](Packer& p) { p.pack("1s"); }),
       "field \"within\" holds text, expected a whole number"},
      {with_field("at", [](Packer& p) { p.pack(1'700'000'000); }),
       "field \"at\" holds a whole number, expected a time"},
      {with_field("colour", [](Packer& p) { p.pack("blue"); }),
       "field \"colour\" holds text, expected a whole number"},
      {with_field("nothing", [](Packer& p) { p.pack(0); }),
       "field \"nothing\" holds a whole number, expected a map"},
      {with_field("answer", [](Packer& p) { p.pack(5); }), "field \"answer\" holds a whole number"},
      {packed(5), "it holds a whole number, expected a map"},
  };
  for (const Case& one : cases) {
    const Outcome outcome = outcome_of<Order>(one.payload);
    EXPECT_EQ(outcome.kind, OutcomeKind::fail);
    EXPECT_THAT(outcome.reason, testing::StartsWith("payload cannot be decoded: " + one.said));
    EXPECT_THAT(outcome.reason, testing::EndsWith("(kind \"order\")"));
    EXPECT_THAT(outcome.reason, testing::Not(HasSubstr("bad_cast")));
  }
}

TEST(DecodeErrorTest, CountsTheFieldsOfAJobThatIsStoredWithoutTheirNames) {
  msgpack::sbuffer buffer;
  msgpack::packer(buffer).pack_array(2).pack(5).pack(6);
  EXPECT_THAT(outcome_of<Pair>({buffer.data(), buffer.size()}).reason,
              HasSubstr("field \"[1]\" holds a whole number, expected text (kind \"pair\")"));
}

TEST(DecodeErrorTest, NamesTheKindOfWhatIsNoMessageAtAll) {
  EXPECT_THAT(outcome_of<Order>("\xc1").reason,
              testing::AllOf(HasSubstr("has the byte c1"), HasSubstr("(kind \"order\")")));
}

TEST(FieldRulesTest, TakeWhatIsMissingOrUnknownUnlessTheHandlerSaysOtherwise) {
  const std::string renamed = with_field("title", [](auto& packer) { packer.pack("x"); });
  struct Case {
    FieldRules rules;
    std::string payload;
    std::string refusal;
  };
  const std::vector<Case> cases{
      {{}, renamed, ""},
      {{}, "\x80", ""},
      {{.required = {"name"}},
       renamed,
       "payload refused: field \"name\" is missing (kind \"order\")"},
      {{.required = {"name", "to"}},
       with_field("name", [](auto& p) { p.pack("x"); }),
       "field \"to\" is missing"},
      {{.required = {"name"}}, with_field("name", [](auto& p) { p.pack("x"); }), ""},
      {{.refuse_missing = true}, packed(Order{}), ""},
      {{.refuse_missing = true}, "\x80", "field \"also\" is missing"},
      {{.refuse_unknown = true}, renamed, "field \"title\" is not known; known are also, answer"},
      {{.refuse_unknown = true}, "\x80", ""},
      {{.refuse_missing = true, .refuse_unknown = true}, packed(Order{}), ""},
      // What cannot be decoded says so itself.
      {{.refuse_missing = true}, packed(5), "payload cannot be decoded: it holds a whole number"},
      {{.refuse_unknown = true}, "\xc1", "payload cannot be decoded: the payload is no msgpack"},
  };
  for (const Case& one : cases) {
    std::size_t runs = 0;
    const Outcome outcome = outcome_of<Order>(one.payload, one.rules, &runs);
    EXPECT_THAT(outcome.reason, HasSubstr(one.refusal));
    EXPECT_EQ(outcome.reason.empty(), one.refusal.empty()) << outcome.reason;
    EXPECT_EQ(runs, one.refusal.empty() ? 1u : 0u);
  }
}

TEST(FieldRulesTest, CountForBatchesAndAsynchronousHandlersToo) {
  const HandlerOptions strict{.fields = {.refuse_unknown = true}};
  const std::string payload = with_field("title", [](auto& packer) { packer.pack("x"); });
  JobContext context;
  Handlers batches;
  batches.on_batch<Order>(
      realtime(2), [](Batch<Order>&) { FAIL() << "refused"; }, strict);
  detail::RawBatch batch;
  batch.items.push_back({&context, payload, {}, false});
  batches.all()[0].run(batch);
  EXPECT_THAT(batch.items[0].outcome.reason, HasSubstr("\"title\" is not known"));

  Handlers later;
  later.on_async<Order>([](const JobContext&, Order, Completion) { FAIL() << "refused"; }, strict);
  detail::RawItem item{&context, payload, {}, false};
  Outcome told;
  later.all()[0].start(item, Completion([&](Outcome outcome) { told = std::move(outcome); }));
  EXPECT_EQ(told.kind, OutcomeKind::fail);
  EXPECT_THAT(told.reason, HasSubstr("\"title\" is not known"));
}

TEST(FieldRulesTest, RefuseAtSetUpWhatTheJobHasNot) {
  const auto refusal = [](const auto& act) -> std::string {
    try {
      act();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(
      refusal([] { static_cast<void>(outcome_of<Order>("\x80", {.required = {"nmae"}})); }),
      HasSubstr("handler of \"order\": FieldRules.required has \"nmae\": expected fields of "
                "the job (also, answer, at,"));
  EXPECT_THAT(
      refusal([] { static_cast<void>(outcome_of<Pair>("\x90", {.refuse_missing = true})); }),
      HasSubstr("stored without names of fields; use MSGPACK_DEFINE_MAP"));
}

}  // namespace
}  // namespace ferry
