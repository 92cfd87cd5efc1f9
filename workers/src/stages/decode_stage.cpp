#include "stages/decode_stage.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "functions/keys.hpp"

namespace ferry::detail {
namespace {

/// How often a standing nuisance is logged.
constexpr std::chrono::minutes complaint_period{1};

/// While memory is short, so often some of what waits for company has to leave.
constexpr std::chrono::milliseconds crowded_period{50};

}  // namespace

DecodeStage::DecodeStage(const std::vector<RawHandler>& handlers,
                         std::vector<std::string> queue_names, int max_deliveries,
                         UnknownKind unknown, std::size_t max_inflated_bytes,
                         const ControlBoard& board, const Log& log)
    : queue_names_(std::move(queue_names)),
      max_deliveries_(max_deliveries),
      board_(board),
      log_(log),
      deferred_(max_inflated_bytes),
      unknown_(unknown) {
  for (std::uint32_t i = 0; i < handlers.size(); ++i) kinds_.emplace(handlers[i].kind, i);
}

DecodeStage::Result DecodeStage::handle(const std::vector<EnvelopePtr>& envelopes) {
  Result result;
  Decoded& decoded = result.decoded;
  const auto now = Clock::now();
  const auto wall = std::chrono::system_clock::now();
  decoded.report.at = now;
  decoded.arrivals.reserve(envelopes.size());  // the jobs of most arrive together
  for (const EnvelopePtr& envelope : envelopes) {
    if (board_.is_paused(envelope->queue)) {
      decoded.report.leavings.push_back({envelope.get(), {}, Leaving::To::queue, {}, {}});
    } else if (deferred_.take_memory(envelope)) {
      decode_envelope(*envelope, kinds_, max_deliveries_, patience_, unknown_, now, wall,
                      board_.server_ms(envelope->queue, now), decoded);
    } else {
      result.deferred = true;
    }
  }
  result.crowded = result.deferred && now >= next_crowded_;
  if (result.crowded) next_crowded_ = now + crowded_period;
  complain(decoded.report, now);
  return result;
}

void DecodeStage::complain(const Report& report, Clock::time_point now) {
  const auto log = [&](std::string_view what, const LeasedEnvelope& envelope) {
    log_.error(what, {{"queue", std::string_view(queue_names_[envelope.queue])},
                      {"entry", std::string_view(envelope.id.text())}});
  };
  for (const Burial& burial : report.burials) {
    log("an envelope cannot be decoded; it is a dead letter now", *burial.envelope);
  }
  for (const Leaving& leaving : report.leavings) {
    if (leaving.to != Leaving::To::dead_letters) continue;
    log("a part of an envelope cannot be decoded; it is a dead letter now", *leaving.envelope);
  }
  for (const std::string& kind : unknown_.take_new()) {
    log_.warning("no handler for a kind; its jobs wait in Redis for a worker that has one",
                 {{"kind", std::string_view(kind)}});
  }
  // Each of them comes by twice a second.
  const auto newer = std::ranges::find(report.leavings, newer_holder, &Leaving::holder);
  if (newer == report.leavings.end() || now < next_complaint_) return;
  next_complaint_ = now + complaint_period;
  log("envelopes of a newer version of Ferry wait for a newer worker; after an hour they are dead "
      "letters: replace this worker",
      *newer->envelope);
}

}  // namespace ferry::detail
