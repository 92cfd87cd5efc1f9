#pragma once

#include <string_view>
#include <vector>

#include "ferry/setup.hpp"
#include "support/more_function_calls.hpp"

namespace ferry::test {

/// The functions of the library, each in each of its ways. To add one: a member function of
/// FunctionCalls or MoreFunctionCalls that returns its call, and a line in `rows`.
class FunctionRows : public MoreFunctionCalls {
 public:
  struct Row {
    std::string_view name;
    Role role;  ///< whose rights suffice for it
    FunctionCall (FunctionRows::*prepare)();
  };

  static const std::vector<Row>& rows() {
    using R = FunctionRows;
    constexpr Role p = Role::producer, w = Role::worker, a = Role::admin, v = Role::viewer;
    static const std::vector<Row> all{
        {"enqueue_one", p, &R::enqueue_one},
        {"enqueue_several", p, &R::enqueue_several},
        {"enqueue_three_streams", p, &R::enqueue_three_streams},
        {"enqueue_delayed", p, &R::enqueue_delayed},
        {"enqueue_mixed", p, &R::enqueue_mixed},
        {"enqueue_bounded_by_age", p, &R::enqueue_bounded_by_age},
        {"enqueue_again", p, &R::enqueue_again},
        {"enqueue_beyond_a_bound", p, &R::enqueue_beyond_a_bound},
        {"open", p, &R::open},
        {"open_first_of_its_stream", p, &R::open_first_of_its_stream},
        {"register", w, &R::enroll},
        {"register_first_of_all", w, &R::enroll_first_of_all},
        {"renew", w, &R::renewal},
        {"leave", w, &R::leave},
        {"leave_holding", w, &R::leave_holding},
        {"reclaim", w, &R::reclaim_dead},
        {"put_off", w, &R::put_off},
        {"start", w, &R::start},
        {"finish_one", w, &R::finish_one},
        {"finish_four", w, &R::finish_four},
        {"finish_with_progress", w, &R::finish_with_progress},
        {"finish_the_rest", w, &R::finish_the_rest},
        {"done", w, &R::done_of_before},
        {"settle_the_last", w, &R::settle_the_last},
        {"settle_some", w, &R::settle_some},
        {"settle_every_verb", w, &R::settle_every_verb},
        {"settle_every_verb_of_the_last", w, &R::settle_every_verb_of_the_last},
        {"bury", w, &R::bury_one},
        {"bury_what_nobody_enqueued", w, &R::bury_what_nobody_enqueued},
        {"release", w, &R::release_two},
        {"expire_producers", w, &R::expire_producers},
        {"beat", w, &R::beat},
        {"look", w, &R::look_after},
        {"hint", w, &R::hint},
        {"set_aside", w, &R::set_aside},
        {"claim_aside", w, &R::claim_aside},
        {"claim_left", w, &R::claim_left},
        {"part_some", w, &R::part_some},
        {"part_the_rest", w, &R::part_the_rest},
        {"promote_due", w, &R::promote_due},
        {"promote_large", w, &R::promote_large},
        {"due_move", w, &R::due_move},
        {"dead_split", a, &R::dead_split},
        {"dead_move", a, &R::dead_move},
        {"remove", a, &R::remove},
        {"forget", a, &R::forget},
        {"dead_retry", a, &R::dead_retry},
        {"dead_drop", a, &R::dead_drop},
        {"purge", a, &R::purge},
        {"pause", a, &R::pause},
        {"resume", a, &R::resume},
        {"counts", v, &R::counts},
        {"count_range", v, &R::count_range},
        {"count_parked", v, &R::count_parked},
    };
    return all;
  }
};

}  // namespace ferry::test
