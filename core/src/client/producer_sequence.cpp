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

ProducerSequence::Decision ProducerSequence::on_reply(const EnqueueReply& reply) {
  switch (reply.kind) {
    case EnqueueReply::Kind::ok:
      may_be_stored_ = false;
      ++sequence_;
      return {Step::stored};
    case EnqueueReply::Kind::dup:
      if (!may_be_stored_) {
        // Someone else used this sequence; ours was never sent before, so it is not stored.
        start_over();
        return {Step::send_again};
      }
      may_be_stored_ = false;
      ++sequence_;
      return {Step::stored_before};
    case EnqueueReply::Kind::gap: {
      const std::int64_t lost = sequence_ - 1 - reply.last_sequence;
      start_over();
      return {Step::send_again, std::max<std::int64_t>(lost, 1)};
    }
    case EnqueueReply::Kind::full:
      // Redis looks for a repeated call first: FULL says that it is not stored.
      may_be_stored_ = false;
      return {Step::wait_for_room};
    case EnqueueReply::Kind::error:
      // Says nothing about an earlier sending whose reply was lost: may_be_stored_ stays.
      return {Step::refused};
    case EnqueueReply::Kind::unknown:
      break;
  }
  may_be_stored_ = true;
  return {Step::not_understood};
}

void ProducerSequence::on_given_up() {
  if (may_be_stored_) start_over();
}

void ProducerSequence::on_long_silence() {
  if (!may_be_stored_ && sequence_ > 1) start_over();
}

void ProducerSequence::start_over() {
  producer_ = make_id_();
  sequence_ = 1;
  may_be_stored_ = false;
}

}  // namespace ferry::detail
