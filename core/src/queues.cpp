#include "ferry/queues.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "functions/library.hpp"
#include "functions/queue_calls.hpp"
#include "queue/queue_impl.hpp"
#include "redis/errors.hpp"
#include "wire/names.hpp"

namespace ferry {
namespace {

/// Queues asked about in one round trip.
constexpr std::size_t queues_per_round = 64;
/// Names that Redis is asked for at a time.
constexpr std::string_view names_per_call = "500";
/// A worker with a longer lease, taken for dead, registers again and has lost nothing.
constexpr std::int64_t worker_silence_ms = 60'000;
/// So long a producer goes on under the same sequence.
constexpr std::int64_t producer_silence_ms = 3'600'000;

const RedisOptions& validated(const RedisOptions& redis) {
  redis.validate();
  return redis;
}

QueueLook refused_name(const std::string& name) {
  QueueLook look;
  look.name = name;
  try {
    wire::require_name("queue", name);
  } catch (const Error& error) {
    look.error.emplace(error.code(), std::string("its name is none of Ferry's: ") + error.what());
  }
  return look;
}

}  // namespace

struct Queues::Impl {
  explicit Impl(const RedisOptions& redis)
      : prefix(validated(redis).prefix), set(queues_key(prefix)), connection(redis) {}

  /// Returns: the connection, with the functions there.
  redis::Connection& ready() {
    if (!connection.connected()) {
      library_ready = false;
      connection.connect();
    }
    if (!library_ready) {
      ensure_library(connection);
      library_ready = true;
    }
    return connection;
  }

  std::vector<QueueLook> look_at(std::span<const std::string> names);
  void fill_in(QueueLook& look, const Keys& keys, const redis::ReplyPtr& answer);

  std::string prefix;
  std::string set;
  redis::Connection connection;
  bool library_ready = false;
};

Queues::Queues(RedisOptions redis) : impl_(std::make_unique<Impl>(redis)) {}
Queues::~Queues() = default;
Queues::Queues(Queues&&) noexcept = default;
Queues& Queues::operator=(Queues&&) noexcept = default;

void Queues::connect() { impl_->connection.connect(); }

QueueNames Queues::names(std::size_t most) {
  redis::Connection& connection = impl_->connection;
  const auto total = detail::call_on(connection, impl_->set, {"SCARD", impl_->set});
  std::set<std::string> found;
  std::string cursor = "0";
  do {
    const auto answer = detail::call_on(connection, impl_->set,
                                        {"SSCAN", impl_->set, cursor, "COUNT", names_per_call});
    const redis::Reply& page = answer->root();
    if (page.size != 2) break;
    cursor = page[0].text;
    for (const redis::Reply& name : page[1]) {
      if (found.size() < most) found.emplace(name.text);
    }
  } while (cursor != "0" && found.size() < most);
  const auto listed = static_cast<std::int64_t>(found.size());
  QueueNames names;
  names.more = cursor == "0" && found.size() < most
                   ? 0
                   : std::max<std::int64_t>(0, total->root().integer - listed);
  names.names.assign(std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  return names;
}

bool Queues::knows(std::string_view name) {
  const auto answer =
      detail::call_on(impl_->connection, impl_->set, {"SISMEMBER", impl_->set, name});
  return answer->root().integer == 1;
}

std::vector<QueueLook> Queues::look(std::span<const std::string> names) {
  std::vector<QueueLook> looks;
  looks.reserve(names.size());
  while (!names.empty()) {
    const auto some = names.first(std::min(names.size(), queues_per_round));
    for (QueueLook& look : impl_->look_at(some)) looks.push_back(std::move(look));
    names = names.subspan(some.size());
  }
  return looks;
}

std::vector<QueueLook> Queues::Impl::look_at(std::span<const std::string> names) {
  ready();
  std::vector<QueueLook> looks;
  std::vector<std::pair<std::size_t, Keys>> asked;
  for (const std::string& name : names) {
    looks.push_back(refused_name(name));
    if (looks.back().error) continue;
    asked.emplace_back(looks.size() - 1, Keys(prefix, name));
    append_books(connection, asked.back().second);
  }
  // All replies are read before anything else is asked.
  std::vector<redis::ReplyPtr> answers;
  for (std::size_t i = 0; i < asked.size(); ++i) answers.push_back(connection.read());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    fill_in(looks[asked[i].first], asked[i].second, answers[i]);
  }
  return looks;
}

void Queues::Impl::fill_in(QueueLook& look, const Keys& keys, const redis::ReplyPtr& answer) {
  const auto note = [&](const std::vector<WrongKey>& wrong) {
    look.error = detail::error_about(wrong);
    look.key = wrong.front().key;
  };
  try {
    const BooksReply books = read_books(answer);
    if (!books.wrong_keys.empty()) return note(books.wrong_keys);
    look.counts = detail::counts_beside(connection, keys, books);
  } catch (const Error& error) {
    if (detail::concerns_all(error)) throw;
    auto [named, key] = detail::named_error(connection, keys, error);
    look.error = std::move(named);
    look.key = std::move(key);
  }
}

Forgotten Queues::forget(std::string_view name) {
  Forgotten result;
  result.forgotten = true;
  if (wire::is_name(name)) {
    redis::Connection& connection = impl_->ready();
    const Keys keys(impl_->prefix, name);
    ForgetReply reply;
    try {
      reply = call_forget(connection, keys, worker_silence_ms, producer_silence_ms);
    } catch (const Error& error) {
      throw detail::named_error(connection, keys, error).error;
    }
    result = {reply.forgotten,      false,           reply.keys_removed,
              reply.producers_kept, reply.envelopes, reply.delayed,
              reply.dead,           reply.parked,    reply.workers};
    if (!result.forgotten) return result;
  }
  const auto removed = detail::call_on(impl_->connection, impl_->set, {"SREM", impl_->set, name});
  result.had_name = removed->root().integer == 1;
  return result;
}

}  // namespace ferry
