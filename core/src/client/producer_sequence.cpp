#include "client/producer_sequence.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace ferry::detail {

std::string make_producer_id() {
  std::random_device random;
  std::string id;
  while (id.size() < 16) {
    auto bits = random();
    for (int i = 0; i < 8; ++i, bits >>= 4) id.push_back("0123456789abcdef"[bits & 15]);
  }
  return id;
}

ProducerSequence::ProducerSequence(std::function<std::string()> make_id)
    : make_id_(std::move(make_id)), producer_(make_id_()) {}

ProducerSequence::Decision ProducerSequence::on_reply(const EnqueueReply& reply, std::size_t jobs,
                                                      bool confirmed) {
  switch (reply.kind) {
    case EnqueueReply::Kind::ok:
      return stored(Step::stored, jobs, confirmed);
    case EnqueueReply::Kind::dup:
      if (!may_be_stored_) {
        // Someone else used this sequence; ours was never sent before, so it is not stored.
        start_over();
        return {Step::send_again};
      }
      return stored(Step::stored_before, jobs, confirmed);
    case EnqueueReply::Kind::gap:
      return lose_all_after(reply.last_sequence);
    case EnqueueReply::Kind::full:
      // An earlier sending whose reply was lost was not stored until now; but its bytes may still
      // be on their way from the old connection: may_be_stored_ stays.
      unconfirmed_ = false;
      return {Step::wait_for_room};
    case EnqueueReply::Kind::error:
      // Says nothing about an earlier sending whose reply was lost: may_be_stored_ stays.
      return {Step::refused};
    case EnqueueReply::Kind::unknown:
      break;
  }
  may_be_stored_ = true;
  unconfirmed_ = false;
  return {Step::not_understood};
}

ProducerSequence::Decision ProducerSequence::stored(Step step, std::size_t jobs, bool confirmed) {
  may_be_stored_ = !confirmed;
  unconfirmed_ = !confirmed;
  if (!confirmed) return {Step::unconfirmed};
  acknowledged_.add(sequence_++, jobs);
  return {step};
}

ProducerSequence::Decision ProducerSequence::on_probe(std::int64_t last_sequence) {
  if (last_sequence >= sequence_ - 1) return {Step::stored};
  return lose_all_after(last_sequence);
}

ProducerSequence::Decision ProducerSequence::lose_all_after(std::int64_t last_sequence) {
  Decision decision{Step::send_again};
  decision.lost_calls = std::max<std::int64_t>(sequence_ - 1 - last_sequence, 1);
  decision.lost_jobs = acknowledged_.jobs_after(last_sequence);
  start_over();
  return decision;
}

void ProducerSequence::on_given_up() {
  if (unconfirmed_) {
    // Its caller was not told that it is stored: it counts for nothing should it get lost.
    stored(Step::stored, 0, true);
  } else if (may_be_stored_) {
    start_over();
  }
}

void ProducerSequence::on_long_silence() {
  if (!may_be_stored_ && sequence_ > 1) start_over();
}

void ProducerSequence::start_over() {
  producer_ = make_id_();
  sequence_ = 1;
  may_be_stored_ = false;
  unconfirmed_ = false;
  acknowledged_.clear();
}

}  // namespace ferry::detail
