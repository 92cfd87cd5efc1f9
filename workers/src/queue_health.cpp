#include "queue_health.hpp"

#include <algorithm>
#include <utility>

#include "ferry/error.hpp"
#include "redis/errors.hpp"

namespace ferry::detail {
namespace {

constexpr std::array<std::string_view, QueueHealth::activities> names{
    "registration", "fetch",         "recover", "read",  "marks",     "beat",    "due",
    "promote",      "promote_large", "look",    "claim", "share",     "sizes",   "producers",
    "finish",       "settle",        "bury",    "part",  "set_aside", "release", "start"};
static_assert(static_cast<std::size_t>(QueueHealth::Activity::start) + 1 ==
              QueueHealth::activities);

constexpr std::size_t most_told = 8;

/// Errors of the user or the server, although the remedy for them is to tell somebody.
constexpr std::array<std::string_view, 7> of_all_queues{"OOM",   "NOAUTH", "WRONGPASS", "DENIED",
                                                        "MOVED", "ASK",    "EXECABORT"};

}  // namespace

bool is_of_one_queue(std::string_view error_text) {
  switch (redis::remedy_of(error_text)) {
    case redis::Remedy::tell_caller:
    case redis::Remedy::make_group:
    case redis::Remedy::stop:
      break;
    default:
      return false;
  }
  for (const std::string_view word : of_all_queues) {
    if (error_text.starts_with(word)) return false;
  }
  return true;
}

QueueHealth::QueueHealth(const Log& log, std::vector<std::string> queues)
    : log_(log), queues_(std::move(queues)), failed_at_(queues_.size()), told_(queues_.size()) {}

std::string QueueHealth::error(std::uint32_t queue, Activity activity) const {
  const std::lock_guard lock(mutex_);
  const auto& told = told_[queue][static_cast<std::size_t>(activity)];
  return told.empty() ? std::string() : told.back();
}

void QueueHealth::failed(std::uint32_t queue, Activity activity, std::string_view error_text) {
  const auto at = static_cast<std::size_t>(activity);
  {
    const std::lock_guard lock(mutex_);
    failed_at_[queue][at] = std::chrono::steady_clock::now().time_since_epoch().count();
    auto& told = told_[queue][at];
    if (std::ranges::find(told, error_text) != told.end()) return;
    if (told.size() == most_told) told.erase(told.begin());
    told.emplace_back(error_text);
  }
  const Error error = redis::error_of(error_text);
  log_.error("a queue does not work; the others go on",
             {{"queue", std::string_view(queues_[queue])},
              {"activity", names[at]},
              {"reason", std::string_view(error.what())}});
}

bool QueueHealth::refuses(const redis::Reply& reply, std::uint32_t queue, Activity activity) {
  if (!reply.is_error()) return false;
  if (!is_of_one_queue(reply.text)) throw redis::error_of(reply.text);
  failed(queue, activity, reply.text);
  return true;
}

bool QueueHealth::are_usable(std::span<const redis::ReplyPtr> replies, std::uint32_t queue,
                             Activity activity) {
  for (const redis::ReplyPtr& reply : replies) {
    if (refuses(reply->root(), queue, activity)) return false;
  }
  works(queue, activity);
  return true;
}

bool QueueHealth::failed_within(std::chrono::milliseconds span, std::uint32_t queue,
                                Activity activity, Time now) const {
  const Time::rep at = failed_at_[queue][static_cast<std::size_t>(activity)];
  return at != 0 && now - Time(Time::duration(at)) < span;
}

bool QueueHealth::cannot_end(std::uint32_t queue, Time now) const {
  for (const Activity activity :
       {Activity::finish, Activity::settle, Activity::bury, Activity::part, Activity::set_aside,
        Activity::release, Activity::start}) {
    if (failed_within(lapse, queue, activity, now)) return true;
  }
  return false;
}

void QueueHealth::works(std::uint32_t queue, Activity activity) {
  const auto at = static_cast<std::size_t>(activity);
  if (failed_at_[queue][at] == 0) return;
  {
    const std::lock_guard lock(mutex_);
    if (failed_at_[queue][at].exchange(0) == 0) return;
    told_[queue][at].clear();
  }
  log_.info("a queue works again",
            {{"queue", std::string_view(queues_[queue])}, {"activity", names[at]}});
}

}  // namespace ferry::detail
