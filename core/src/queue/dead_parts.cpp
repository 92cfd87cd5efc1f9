#include "queue/dead_parts.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "wire/bundle.hpp"
#include "wire/envelope.hpp"
#include "wire/envelope_head.hpp"
#include "wire/kinds_named.hpp"

namespace ferry::detail {
namespace {

using Fate = DeadPart::Fate;
using wire::Death;
using wire::StoredEnvelope;
using wire::StoredJob;

constexpr const char* expired = "its time has passed (expires_after): a worker would drop it unrun";

DeadPart staying(std::size_t jobs, std::vector<std::string> kinds, std::string why) {
  DeadPart part;
  part.fate = Fate::stays;
  part.jobs = jobs;
  part.kinds = std::move(kinds);
  part.why = std::move(why);
  return part;
}

std::vector<std::string> kinds_of(const std::vector<const StoredJob*>& jobs) {
  std::vector<std::string> kinds;
  for (const StoredJob* job : jobs) {
    if (std::ranges::find(kinds, job->kind) == kinds.end()) kinds.emplace_back(job->kind);
  }
  return kinds;
}

std::string written(const std::vector<const StoredJob*>& jobs, bool compressed,
                    const std::optional<Death>& death, const RevivalRules* rules) {
  wire::EnvelopeWriter writer(jobs.front()->id);
  for (const StoredJob* job : jobs) {
    if (job->extras == nullptr || rules == nullptr) {
      writer.add_moved(*job, job->extras);
      continue;
    }
    wire::Extras extras = *job->extras;
    extras.attempts = 0;
    extras.last_reason = {};
    if (rules->ignores_expiry) extras.expires_at_ms = 0;
    writer.add_moved(*job, &extras);
  }
  return writer.finish(compressed ? 1 : 0, death);
}

/// One reading of a letter.
class Reader {
 public:
  /// `rules` are those of a retry; null = the jobs are dropped.
  Reader(const DeadFilter& only, const RevivalRules* rules) : only_(only), rules_(rules) {}

  std::vector<DeadPart> read(std::string_view letter) {
    StoredEnvelope envelope;
    const std::string problem = wire::decode(letter, envelope);
    const auto head = wire::decode_head(letter);
    const std::size_t jobs = head ? head->count : 1;
    if (!problem.empty()) {
      add(whole(staying(jobs, wire::kinds_named(letter), "it cannot be read: " + problem),
                problem));
    } else if (envelope.is_opaque()) {
      if (envelope.death) death_ = *envelope.death;
      read_opaque(envelope.opaque, jobs);
    } else if (envelope.jobs.empty()) {
      add(whole(staying(jobs, {}, "it holds no job"), {}));
    } else {
      death_ = envelope.death;
      add_groups(envelope, {});
    }
    if (parts_.size() == 1) parts_.front().letter.clear();
    return std::move(parts_);
  }

 private:
  void add(DeadPart part) { parts_.push_back(std::move(part)); }

  /// What the filter and the purpose make of bytes that are taken or left as a whole.
  DeadPart whole(DeadPart part, std::string_view reason) const {
    JobInfo info;
    info.kinds = part.kinds;
    info.reason = reason;
    if (!only_.matches(info)) {
      part.fate = Fate::passed;
    } else if (rules_ == nullptr) {
      part.fate = Fate::taken;
    }
    return part;
  }

  void read_opaque(std::string_view bytes, std::size_t jobs) {
    const auto kinds = wire::kinds_named(bytes);
    DeadPart part = whole(staying(jobs, kinds, "its bytes are no envelope of Ferry's"),
                          death_ ? death_->reason : std::string_view{});
    if (rules_ == nullptr || part.fate == Fate::passed) return add(std::move(part));
    const auto of_bundle = wire::parts_of_bundle(bytes);
    if (of_bundle.size() > 1) return read_bundle(of_bundle, jobs);
    if (!wire::decode_head(bytes)) return add(std::move(part));
    read_part(bytes, jobs);
  }

  /// The jobs of a part whose head cannot be read are those that no other part has.
  void read_bundle(const std::vector<std::string_view>& bundle, std::size_t jobs) {
    std::size_t known = 0;
    std::size_t headless = 0;
    for (const std::string_view part : bundle) {
      const auto head = wire::decode_head(part);
      known += head ? head->count : 1;
      headless += head ? 0 : 1;
    }
    if (known > jobs || (known < jobs && headless == 0)) {
      return add(staying(jobs, {},
                         "its parts have " + std::to_string(known) + " jobs, its head says " +
                             std::to_string(jobs)));
    }
    std::size_t left_over = jobs - known;
    for (std::size_t i = 0; i < bundle.size(); ++i) {
      const auto head = wire::decode_head(bundle[i]);
      const std::size_t of_part = head ? head->count : 1 + std::exchange(left_over, 0);
      number_ = i;
      read_part(bundle[i], of_part);
    }
  }

  /// An envelope that was wrapped, alone or with others.
  void read_part(std::string_view bytes, std::size_t jobs) {
    StoredEnvelope envelope;
    const std::string problem = wire::decode(bytes, envelope);
    if (problem.empty() && !envelope.is_opaque() && !envelope.jobs.empty()) {
      return add_groups(envelope, bytes);
    }
    const auto head = wire::decode_head(bytes);
    const bool newer = !problem.empty() && envelope.newer && head;
    const std::string why = problem.empty() ? "it is wrapped twice" : problem;
    DeadPart part =
        staying(jobs, wire::kinds_named(bytes), "no worker of this version can read it: " + why);
    if (newer) {
      part.fate = Fate::taken;
      part.envelope = bytes;
    }
    part.first_id = head ? head->first_id : JobId{};
    if (number_) part.letter = wrapped(bytes, part, "envelope cannot be decoded: " + why);
    add(std::move(part));
  }

  std::string wrapped(std::string_view bytes, const DeadPart& part, std::string_view reason) const {
    const Death was = death_.value_or(Death{});
    return wire::wrap_opaque(bytes, part.jobs, part.first_id,
                             {reason, was.died_at_ms, was.deliveries});
  }

  /// `as_stored`: the bytes of a wrapped envelope, which go back as they are where nothing in them
  /// has to change.
  void add_groups(const StoredEnvelope& envelope, std::string_view as_stored) {
    enum Group : std::size_t { runs, late, passed, groups };
    std::array<std::vector<const StoredJob*>, groups> jobs;
    for (const StoredJob& job : envelope.jobs) {
      // What was wrapped is chosen as a whole: it is listed as one.
      const bool chosen = !as_stored.empty() || is_chosen(job);
      jobs[!chosen ? passed : is_late(job) ? late : runs].push_back(&job);
    }
    const bool compressed = (envelope.head.flags & wire::flag_zstd) != 0;
    for (std::size_t group = 0; group < groups; ++group) {
      const auto& some = jobs[group];
      if (some.empty()) continue;
      DeadPart part;
      part.jobs = some.size();
      part.kinds = kinds_of(some);
      part.first_id = some.front()->id;
      if (group == passed) part.fate = Fate::passed;
      if (group == late) {
        part.fate = Fate::stays;
        part.expired = true;
        part.why = expired;
      }
      if (group == runs && rules_ != nullptr) {
        const bool unchanged =
            !as_stored.empty() && part.jobs == envelope.jobs.size() &&
            std::ranges::none_of(envelope.jobs, [&](const StoredJob& job) { return changes(job); });
        part.envelope = unchanged ? std::string(as_stored) : written(some, compressed, {}, rules_);
        refuse_if_too_large(part);
      }
      // Not for a letter that is moved as a whole.
      if (number_ || part.jobs < envelope.jobs.size()) {
        part.letter = written(some, compressed, death_in_letter(), nullptr);
      }
      add(std::move(part));
    }
  }

  Death death_in_letter() {
    Death death = death_.value_or(Death{});
    if (!number_) return death;
    if (reason_.empty()) {
      reason_ = "was stored in one bundle with others, of which one could not be read: " +
                std::string(death.reason);
    }
    death.reason = reason_;
    return death;
  }

  bool is_chosen(const StoredJob& job) const {
    JobInfo info;
    info.kind = job.kind;
    if (job.extras != nullptr) info.reason = job.extras->last_reason;
    if (death_) info.reason = death_->reason;
    return only_.matches(info);
  }

  bool is_late(const StoredJob& job) const {
    return rules_ != nullptr && !rules_->ignores_expiry && job.extras != nullptr &&
           job.extras->expires_at_ms != 0 && job.extras->expires_at_ms <= rules_->now_ms;
  }

  bool changes(const StoredJob& job) const {
    return job.extras != nullptr &&
           (job.extras->attempts != 0 || !job.extras->last_reason.empty() ||
            (rules_->ignores_expiry && job.extras->expires_at_ms != 0));
  }

  static void refuse_if_too_large(DeadPart& part) {
    if (part.envelope.size() <= wire::max_envelope_bytes) return;
    part.fate = Fate::stays;
    part.why = "it would have " + std::to_string(part.envelope.size()) +
               " bytes, more than a worker reads";
    part.envelope.clear();
  }

  const DeadFilter& only_;
  const RevivalRules* rules_;
  std::optional<Death> death_;
  std::optional<std::size_t> number_;  ///< of the part of a bundle that is being read
  std::string reason_;
  std::vector<DeadPart> parts_;
};

}  // namespace

std::vector<DeadPart> parts_to_retry(std::string_view letter, const RevivalRules& rules) {
  return Reader(rules.only, &rules).read(letter);
}

std::vector<DeadPart> parts_to_drop(std::string_view letter, const DeadFilter& only) {
  return Reader(only, nullptr).read(letter);
}

std::string with_first_id(std::string letter, const JobId& id) {
  wire::Head head;
  bool has_death = false;
  const std::size_t body_at = wire::read_head(letter, head, has_death);
  if (body_at >= id.bytes.size()) {
    letter.replace(body_at - id.bytes.size(), id.bytes.size(),
                   reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
  }
  return letter;
}

}  // namespace ferry::detail
