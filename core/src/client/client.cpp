#include "ferry/client.hpp"

#include <utility>

#include "client/flight.hpp"
#include "client/sender.hpp"

namespace ferry {

bool Receipt::ready() const { return flight_->settled(); }

EnqueueResult Receipt::get() const {
  flight_->wait_settled();
  return {id_, flight_->error_of(id_)};
}

Client::Client(ClientOptions options)
    : sender_(std::make_unique<detail::Sender>(std::move(options))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

JobId Client::enqueue_packed(std::string_view kind, std::string_view payload,
                             const EnqueueOptions& options) {
  const Receipt receipt = sender_->store(kind, payload, options);
  const EnqueueResult result = receipt.get();
  if (!result) throw Error(*result.error);
  return result.id;
}

Receipt Client::enqueue_packed_async(std::string_view kind, std::string_view payload,
                                     const EnqueueOptions& options) {
  return sender_->put(kind, payload, options);
}

void Client::flush() { sender_->flush(); }
ClientStats Client::stats() const { return sender_->stats(); }
QueueHint Client::hint(std::string_view queue) const { return sender_->hint(queue); }

void Client::Bulk::hand_over() {
  client.sender_->put_all(kind, packed, options, detail::Sender::Wake::now, runs);
  packed.clear();
}

std::vector<EnqueueResult> Client::Bulk::finish() && {
  client.sender_->put_all(kind, packed, options, detail::Sender::Wake::later, runs);
  std::vector<EnqueueResult> results;
  std::size_t jobs = 0;
  for (const auto& run : runs) jobs += run.count;
  results.reserve(jobs);
  for (const auto& run : runs) {
    client.sender_->await(*run.flight);
    for (std::size_t i = 0; i < run.count; ++i) {
      const JobId id = wire::id_after(run.first, i);
      results.push_back({id, run.flight->error_of(id)});
    }
  }
  return results;
}

}  // namespace ferry
