#pragma once

#include <string>

#include "trace/records.hpp"

namespace ferry::detail {

/// Makes a trace that Perfetto (https://ui.perfetto.dev) and other programs open.
///
///   runner 1…n   slices   a batch in its handler; no more rows than ran side by side
///   batch        nested   hold, credit, run, settle of each batch; args.links are its jobs'
///   contexts job          nested   before (or earlier), hold, credit, run, settle of each sampled
///   attempt arrows                from the moment of the enqueue to the batch, from an attempt to
///   the next
///
/// Times are µs since the first moment told, which is `otherData.start_unix_us`. Every sampled
/// attempt that Redis knows the end of carries its stages in `args.stage_us`; they add up to
/// `args.total_us`. Returns: JSON. Source: the Trace Event Format,
/// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
std::string trace_text(const TraceRecords& records);

}  // namespace ferry::detail
