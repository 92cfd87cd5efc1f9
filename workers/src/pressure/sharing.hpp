#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace ferry::detail {

/// Jobs that wait longer than that here are worth giving to workers that have nothing to do.
inline constexpr std::chrono::milliseconds worth_sharing{100};
/// A piece that is given back takes one handler about that long: short enough that nobody has much
/// left when the others have nothing, long enough that its way through Redis does not count.
inline constexpr std::chrono::milliseconds piece_takes{1000};

/// What was given back before stays that long where it came to, so that it does not wander.
inline constexpr std::chrono::milliseconds stays{1000};

/// How to give back a part of the jobs that wait in a worker.
///
/// `waiting`: jobs of a kind. `runs`: that they will be; no piece is smaller than one. `per_run`:
/// of one handler. `handlers`: of this worker that the kind may use. `workers`: alive, this one
/// included.
///
/// Returns: the sizes of the pieces; empty = all stay.
/// Source: Hummel, Schonberg, Flynn, "Factoring: a method for scheduling parallel loops", 1992:
/// half of what is left is dealt out in equal pieces, so that what comes late can still even out.
std::vector<std::size_t> pieces_to_share(std::size_t waiting, std::size_t runs,
                                         std::chrono::nanoseconds per_run, std::size_t handlers,
                                         std::size_t workers);

}  // namespace ferry::detail
