#include "ferry/client.hpp"

#include <utility>

#include "client/flight.hpp"
#include "client/sender.hpp"
#include "client/thread_spare.hpp"

namespace ferry {

bool Receipt::ready() const { return flight_->settled(); }

EnqueueResult Receipt::get() const {
  if (!flight_->settled() && flight_->home.is_left()) {
    const Error error = flight_->home.refusal(
        {"this receipt", "only the first process learns what became of the job"});
    return {id_, std::make_shared<const Error>(ErrorCode::outcome_unknown, error.what())};
  }
  flight_->wait_settled();
  return {id_, flight_->error_of(id_)};
}

namespace detail {

LentBuffer::LentBuffer() : jobs_(ThreadSpare<PackedJobs>::take()) { jobs_->clear(); }
LentBuffer::~LentBuffer() { ThreadSpare<PackedJobs>::give(std::move(jobs_)); }

/// In a child its threads are missing and its locks may be held for ever: it stays as it is.
void CloseSender::operator()(Sender* sender) const {
  if (!sender->is_left()) delete sender;
}

}  // namespace detail

Client::Client(ClientOptions options) : sender_(new detail::Sender(std::move(options))) {}
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
