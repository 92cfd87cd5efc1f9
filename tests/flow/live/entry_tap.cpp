#include "flow/live/entry_tap.hpp"

#include <algorithm>

#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "redis/words.hpp"
#include "wire/envelope.hpp"

namespace ferry::flow {
namespace {

constexpr std::chrono::milliseconds block{50};

/// The field in which an entry that was given back carries what is settled of it.
constexpr std::string_view marks_field = "m";

}  // namespace

EntryTap::EntryTap(const RedisOptions& redis, const std::vector<std::string>& queues)
    : redis_(redis) {
  for (const std::string& queue : queues) {
    for (const std::string& key : Keys(redis.prefix, queue).ready) streams_.push_back({key});
  }
  thread_ = std::thread([this] { loop(); });
}

EntryTap::~EntryTap() { stop(); }

void EntryTap::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void EntryTap::loop() {
  redis::Connection connection(redis_, block);
  while (true) {
    const bool last = stopping_;
    redis::Words words{"XREAD", "COUNT", "1000"};
    if (!last) {
      words.add("BLOCK");
      words.add(std::to_string(block.count()));
    }
    words.add("STREAMS");
    for (const Stream& stream : streams_) words.add(stream.key);
    for (const Stream& stream : streams_) words.add(stream.last);
    const redis::ReplyPtr reply = connection.call(words.views());
    take(reply->root());
    if (last && reply->root().size == 0) break;
  }
  for (const Stream& stream : streams_) {
    const redis::ReplyPtr reply = connection.command({"XINFO", "STREAM", stream.key});
    const redis::Reply& fields = reply->root();
    if (fields.is_error()) continue;  // nothing was ever added
    for (std::size_t i = 0; i + 1 < fields.size; i += 2) {
      if (fields[i].text == "entries-added") missed_ += fields[i + 1].integer - stream.seen;
    }
  }
}

void EntryTap::take(const redis::Reply& streams) {
  for (const redis::Reply& answer : streams) {
    const auto stream = std::ranges::find(streams_, answer[0].text, &Stream::key);
    for (const redis::Reply& read : answer[1]) {
      stream->last = read[0].text;
      ++stream->seen;
      ++read_;
      wire::StoredEnvelope envelope;
      std::string_view marks;
      for (std::size_t i = 0; i + 1 < read[1].size; i += 2) {
        if (read[1][i].text == envelope_field) wire::decode(read[1][i + 1].text, envelope);
        if (read[1][i].text == marks_field) marks = read[1][i + 1].text;
      }
      Entry& entry = entries_.emplace_back();
      entry.stream = stream->key;
      entry.id = read[0].text;
      for (std::size_t i = 0; i < envelope.jobs.size(); ++i) {
        const bool settled = i < marks.size() && marks[i] == 'x';
        if (!settled) entry.jobs.push_back(envelope.jobs[i].id);
      }
    }
  }
}

}  // namespace ferry::flow
