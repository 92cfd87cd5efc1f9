#pragma once

#include <memory>

#include "ferry/worker.hpp"
#include "secrets/payload_keys.hpp"
#include "stages/run.hpp"

namespace ferry::detail {

/// What a worker may open, and whether it runs jobs that nobody has sealed.
struct Opening {
  std::shared_ptr<const secrets::PayloadKeys> keys{};  ///< null = it was given none
  bool accept_plain = true;
};

/// Reads the worker's keys, if it has any; without any it runs plain payloads.
///
/// Errors: `invalid_argument` as PayloadKeys.
Opening opening_of(const WorkerOptions& options);

/// Opens the sealed payloads of a prepared run, in the thread that runs its handler, so that many
/// are opened side by side. What must not reach the handler is marked with its outcome: bytes that
/// do not open and, unless plain ones are accepted, plain ones fail; a key that is not known here
/// means retry, for an operator may yet bring it.
void open_payloads(Run& run, const Opening& opening);

}  // namespace ferry::detail
