// A function that fails has changed nothing: each cause of a failure that a real server has, at
// each command, key, counter, stored value and argument of each function of the library. Before and
// after each call everything that is stored is compared.
//
// A call that is answered must leave the books no worse than they were. The few cases in which
// neither holds stand in `exceptions`, each with what the audit says of it.
//
// Some thousand cases, a sample of them in every run. All of them, or those whose name contains a
// text:
//
//   FERRY_ALL_OR_NOTHING=all build/dev/bin/all_or_nothing_test [--gtest_filter='*settle*']
//   FERRY_ALL_OR_NOTHING='no right to xdel' build/dev/bin/all_or_nothing_test

#include <gmock/gmock.h>

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "ferry/queue.hpp"
#include "support/damages.hpp"
#include "support/queue_snapshot.hpp"

namespace ferry::test {

void PrintTo(const FunctionRows::Row& row, std::ostream* out) { *out << row.name; }

namespace {

/// A failure that changes something all the same, since one command more in a hot function would be
/// needed to see it coming.
struct Exception {
  std::string_view row;      ///< its beginning
  std::string_view user;     ///< empty: any
  std::string_view damage;   ///< its beginning
  std::string_view finding;  ///< what the audit says once the damage is repaired
};

constexpr std::string_view streams_differ = "jobs in the streams";
constexpr Exception exceptions[] = {
    // `open` knows nothing of the stream itself, and its transaction goes on without it.
    {"open", "", "ready:1 is a ", streams_differ},
    {"open", "", "ready:1 is at 18446744073709551615-18446744073709551615", streams_differ},
    {"open", "", "ready:1 is at 18446744073709551615-18446744073709551614", streams_differ},
    // A producer cannot take out again what it has stored in the stream, or in another one.
    {"enqueue_several", "its role", "ready:1 is at 18446744073709551615-18446744073709551614",
     streams_differ},
    {"enqueue_several", "its role", "ready:1 is at 18446744073709551615-18446744073709551613",
     streams_differ},
    {"enqueue_three_streams", "its role", "ready:0 is at 18446744073709551615-18446744073709551614",
     streams_differ},
    {"enqueue_three_streams", "its role", "ready:1 is at 18446744073709551615-18446744073709551615",
     streams_differ},
    {"enqueue_three_streams", "its role", "ready:2 is at 18446744073709551615-18446744073709551615",
     streams_differ},
    {"enqueue_mixed", "its role", "ready:2 is at 18446744073709551615-18446744073709551615",
     streams_differ},
    // Nobody knows how many jobs a letter without bytes had: one is counted, also where it was put
    // there by hand and had none.
    {"dead_drop", "anybody", "dead has '1:00000000000000000000000000000000' alone", "dead letters"},
};

class AllOrNothingTest : public FunctionRows,
                         public testing::WithParamInterface<FunctionRows::Row> {
 protected:
  void SetUp() override {
    FunctionRows::SetUp();
    const std::string url = "unix://limited:any@" + server().socket_path();
    set_rights(everything);
    limited_ = std::make_unique<redis::Connection>(RedisOptions{.url = url});
    limited_->connect();
  }

  void TearDown() override {
    if (!connection) return;
    command({"CONFIG", "SET", "maxmemory", "0"});
    empty_queue();
  }

  void set_rights(const Damages::Words& words) {
    std::vector<std::string_view> all{"ACL", "SETUSER", "limited", "reset", "on", "nopass"};
    all.insert(all.end(), words.begin(), words.end());
    connection->call(all);
  }

  /// Returns: the reply; of a transaction, that of its function.
  std::string perform(redis::Connection& as, const FunctionCall& call) {
    const std::string function = "ferry_v1_" + call.function;
    const std::string key_count = std::to_string(call.keys.size());
    const bool reads = GetParam().role == Role::viewer;
    std::vector<std::string_view> words{reads ? "FCALL_RO" : "FCALL", function, key_count};
    words.insert(words.end(), call.keys.begin(), call.keys.end());
    words.insert(words.end(), call.arguments.begin(), call.arguments.end());
    if (call.behind.empty()) return show(as.command(words)->root());
    as.append({"MULTI"});
    as.append(words);
    for (const auto& next : call.behind) {
      const std::vector<std::string_view> views(next.begin(), next.end());
      as.append(views);
    }
    as.append({"EXEC"});
    for (std::size_t queued = 0; queued < call.behind.size() + 2; ++queued) as.read();
    const redis::ReplyPtr all = as.read();
    return show(all->root().is_error() || all->root().size == 0 ? all->root() : all->root()[0]);
  }

  /// Returns: what the function runs inside while nothing is wrong.
  std::set<Inside> commands_inside() {
    empty_queue();
    const FunctionCall call = (this->*GetParam().prepare)();
    command({"CONFIG", "SET", "slowlog-log-slower-than", "0"});
    command({"CONFIG", "SET", "slowlog-max-len", "1000"});
    command({"SLOWLOG", "RESET"});
    const std::string reply = perform(*connection, call);
    EXPECT_FALSE(reply.starts_with("error")) << reply;
    const redis::ReplyPtr log = connection->call({"SLOWLOG", "GET", "-1"});
    command({"CONFIG", "SET", "slowlog-log-slower-than", "-1"});
    std::set<Inside> inside;
    for (const redis::Reply& entry : log->root()) {
      constexpr std::string_view in_a_function = "?:0";
      if (entry[4].text != in_a_function) continue;
      const redis::Reply& words = entry[3];
      std::string name(words[0].text);
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
      std::size_t key_at = 1;
      if (name == "xgroup" || name == "xinfo") {
        std::string sub(words[1].text);
        std::ranges::transform(sub, sub.begin(), [](unsigned char c) { return std::tolower(c); });
        name += "|" + sub;
        key_at = 2;
      }
      inside.insert({name, words.size > key_at ? std::string(words[key_at].text) : ""});
      if (name == "renamenx") inside.insert({name, std::string(words[2].text)});
    }
    return inside;
  }

  struct User {
    std::string_view name;
    Damages::Words rights;
  };

  void try_all(const User& user, const std::vector<Damage>& damages) {
    for (const Damage& damage : damages) {
      const std::string name =
          std::string(GetParam().name) + " as " + std::string(user.name) + ": " + damage.name;
      if (is_chosen(name, user, damage)) try_one(name, user, damage);
    }
  }

  bool is_chosen(const std::string& name, const User& user, const Damage& damage) const {
    const char* wanted = std::getenv("FERRY_ALL_OR_NOTHING");
    if (wanted != nullptr) return wanted == std::string("all") || name.find(wanted) != name.npos;
    constexpr std::size_t one_in = 40;
    return exception_for(user, damage) != nullptr || std::hash<std::string>{}(name) % one_in == 0;
  }

  const Exception* exception_for(const User& user, const Damage& damage) const {
    const auto found = std::ranges::find_if(exceptions, [&](const Exception& one) {
      return GetParam().name.starts_with(one.row) && (one.user.empty() || user.name == one.user) &&
             damage.name.starts_with(one.damage);
    });
    return found == std::end(exceptions) ? nullptr : found;
  }

  void try_one(const std::string& name, const User& user, const Damage& damage) {
    ++tried_;
    empty_queue();
    set_rights(user.rights);
    FunctionCall call = (this->*GetParam().prepare)();
    damage.inflict(call);
    const QueueSnapshot before(*connection, keys);
    const std::string reply = perform(*limited_, call);
    const QueueSnapshot after(*connection, keys);
    const bool failed = reply.starts_with("error");
    refused_ += failed ? 1 : 0;
    // What is forgotten has no books any more, wrong or right.
    const bool right =
        failed ? before.lines() == after.lines()
               : GetParam().name == "forget" || after.imbalance().no_worse_than(before.imbalance());
    const Exception* exception = exception_for(user, damage);
    damage.repair();
    if (right && exception == nullptr) return;
    if (exception != nullptr) {
      expect_found(name, *exception);
      return;
    }
    if (++wrong_ > 10) return;
    failures_ += name + "\n  " + reply.substr(0, 300) + "\n" + before.changes_to(after);
  }

  void expect_found(const std::string& name, const Exception& exception) {
    const AuditReport report = Queue(options(), std::string(queue_name)).audit();
    EXPECT_THAT(report.violations, testing::Contains(testing::HasSubstr(exception.finding)))
        << name;
  }

  const Damages::Words everything{"~*", "&*", "+@all"};
  std::unique_ptr<redis::Connection> limited_;
  std::string failures_;  ///< the first of them
  int wrong_ = 0;
  int tried_ = 0;
  int refused_ = 0;
};

TEST_P(AllOrNothingTest, ChangesNothingOrEverything) {
  if (!connection) return;
  const std::set<Inside> inside = commands_inside();
  empty_queue();
  const FunctionCall example = (this->*GetParam().prepare)();
  const User users[] = {{"anybody", everything},
                        {"its role", access_rules(GetParam().role, wire_prefix, {})}};
  std::vector<Damages> damages;
  damages.reserve(std::size(users));  // they are referred to by the damage they list
  for (const User& user : users) {
    damages.emplace_back(*connection, keys, user.rights,
                         [this](const Damages::Words& words) { set_rights(words); });
  }
  const auto before_writing = damages[0].before_writing(example);
  for (std::size_t i = 0; i < std::size(users); ++i) {
    try_all(users[i], damages[i].while_writing(example, inside));
  }
  try_all(users[0], before_writing);
  std::printf("[ CASES    ] %s: %d tried, %d refused, %d wrong\n",
              std::string(GetParam().name).c_str(), tried_, refused_, wrong_);
  EXPECT_EQ(wrong_, 0) << failures_;
}

INSTANTIATE_TEST_SUITE_P(Functions, AllOrNothingTest, testing::ValuesIn(FunctionRows::rows()),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace ferry::test
