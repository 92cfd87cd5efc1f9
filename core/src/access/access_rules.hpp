#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ferry/setup.hpp"

namespace ferry {

/// What a role's user may do, in words of ACL SETUSER: the smallest set of commands and keys that
/// Ferry's own programs need in that role. Commands inside functions run with the caller's rights,
/// so they are in it too.
///
/// Rights to a command are given for the keys it is used on, each in a selector of its own: a
/// producer may say XADD on a stream and FCALL with it, but not XRANGE.
///
/// Returns: everything but name, state and password. `queues`: empty = all of the prefix.
/// Errors: `invalid_argument` for a prefix or queue that is no name.
/// Source: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
std::vector<std::string> access_rules(Role role, std::string_view prefix,
                                      const std::vector<std::string>& queues);

}  // namespace ferry
