#include "compare/books.hpp"

namespace ferry::compare {

std::string wrong_in_books(const AuditReport& audit, std::int64_t stored, std::int64_t done) {
  const auto text = [](std::int64_t count) { return std::to_string(count); };
  const QueueCounts& counts = audit.counts;
  if (!audit.balanced()) return audit.violations.front();
  if (counts.accepted != stored) {
    return text(stored) + " jobs were stored by the producer, " + text(counts.accepted) +
           " accepted by Redis";
  }
  const std::int64_t here = counts.waiting + counts.leased + counts.delayed;
  const std::int64_t gone = counts.done + counts.dead + counts.expired + counts.cancelled;
  if (counts.accepted != here + gone) {
    return text(counts.accepted) + " jobs were accepted, " + text(counts.done) + " done, " +
           text(counts.dead) + " dead, " + text(counts.expired) + " expired, " +
           text(counts.cancelled) + " cancelled, and " + text(here) + " are still there";
  }
  if (counts.done != done) {
    return text(counts.done) + " jobs are done for Redis, " + text(done) + " for the worker";
  }
  return "";
}

}  // namespace ferry::compare
