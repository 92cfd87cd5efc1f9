#include "stages/open.hpp"

#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace ferry::detail {
namespace {

using secrets::PayloadKeys;

std::string_view key_id_of(const Run::Place& place) {
  const wire::StoredJob& job = place.envelope->stored.jobs[place.index];
  return job.extras == nullptr ? std::string_view{} : job.extras->key_id;
}

struct Sealed {
  std::size_t jobs = 0;
  std::size_t bytes = 0;
};

Sealed sealed_in(const Run& run) {
  Sealed sealed;
  for (std::size_t i = 0; i < run.places.size(); ++i) {
    if (key_id_of(run.places[i]).empty()) continue;
    ++sealed.jobs;
    sealed.bytes += run.batch.items[i].payload.size();
  }
  return sealed;
}

void settle(RawItem& item, Outcome outcome) {
  item.outcome = std::move(outcome);
  item.marked = true;
}

/// Returns: the bytes written to `out`.
std::size_t open_one(RawItem& item, const Opening& opening, std::string_view key_id, char* out) {
  const std::string key = "key '" + std::string(key_id) + "'";
  if (opening.keys == nullptr || !opening.keys->has(key_id)) {
    settle(item, retry("the payload is sealed with " + key +
                       ", which this worker does not have: add it to its payload_keys_file"));
    return 0;
  }
  const JobContext& context = *item.context;
  if (!opening.keys->open(key_id, {context.id, context.queue, context.kind}, item.payload, out)) {
    settle(item, fail("payload cannot be opened: not what " + key +
                      " sealed for this id, queue and kind"));
    return 0;
  }
  item.payload = {out, item.payload.size() - PayloadKeys::overhead_bytes};
  return item.payload.size();
}

}  // namespace

Opening opening_of(const WorkerOptions& options) {
  if (options.payload_keys_file.empty()) return {};
  return {std::make_shared<const PayloadKeys>(options.payload_keys_file),
          options.accept_plain_payloads};
}

void open_payloads(Run& run, const Opening& opening) {
  const Sealed sealed = sealed_in(run);
  if (sealed.jobs == 0 && opening.accept_plain) return;
  if (sealed.jobs > 0) run.opened.reset(new (std::nothrow) char[sealed.bytes + 1]);
  char* out = run.opened.get();
  for (std::size_t i = 0; i < run.places.size(); ++i) {
    RawItem& item = run.batch.items[i];
    const std::string_view key_id = key_id_of(run.places[i]);
    if (!key_id.empty() && out == nullptr) {
      settle(item, retry("memory is too short to open the payload"));
    } else if (!key_id.empty()) {
      out += open_one(item, opening, key_id, out);
    } else if (!opening.accept_plain) {
      settle(item, fail("the payload is not sealed, and this worker runs sealed ones only; see "
                        "accept_plain_payloads"));
    }
  }
}

}  // namespace ferry::detail
