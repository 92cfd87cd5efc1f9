#pragma once

#include <cstdint>
#include <string>

#include "flow/live/live_run.hpp"
#include "flow/oracle/oracle.hpp"
#include "flow/scenarios/sheet.hpp"
#include "flow/score/command_use.hpp"
#include "flow/score/give_backs.hpp"
#include "flow/score/score.hpp"

namespace ferry::flow {

/// Nothing lost, nothing run twice, balanced books, constant credits, no process that ended.
void must_be_sound(Sheet& sheet, const LiveEvidence& evidence);

/// Returns: what the oracle makes of the jobs as they were really stored, with the run times that
/// were really measured.
Trace oracle_of(const Mix& mix, const LiveEvidence& evidence, bool urgent_before_share = false);

/// Returns: the mix with each kind's call as much longer as its calls took longer than they were
/// meant to, on average: sleeps end late on a busy machine.
Mix with_measured_times(const Mix& mix, const Trace& trace);

/// Of a run with a trace.
CommandUse commands_of(const LiveEvidence& evidence);

/// Of a run with a tap; what was set aside counts only with a trace.
GiveBacks give_backs_of(const LiveEvidence& evidence);

/// Units: MiB that the worker had at most, above what it had idle.
double memory_mib(const WorkerEvidence& worker);

}  // namespace ferry::flow
