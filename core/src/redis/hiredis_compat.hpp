#pragma once

// Where hiredis 0.14 and 1.x differ; nothing else here knows the version.

#include <hiredis/hiredis.h>

#include <cstddef>

namespace ferry::redis {

/// Returns: hiredis's callbacks, leading to the static functions of `Maker`:
/// `text(task, characters, size)`, `array(task, size)`, `integer(task, value)`, `nil(task)`.
///
/// hiredis 1.x adds the types of RESP3. We never ask for RESP3, so they become what RESP2 would
/// have sent. Objects are not freed one by one.
template <typename Maker>
redisReplyObjectFunctions reply_functions() {
  redisReplyObjectFunctions functions{};
  functions.createString = [](const redisReadTask* task, char* characters,
                              std::size_t size) -> void* {
    return Maker::text(*task, characters, size);
  };
  functions.createInteger = [](const redisReadTask* task, long long value) -> void* {
    return Maker::integer(*task, value);
  };
  functions.createNil = [](const redisReadTask* task) -> void* { return Maker::nil(*task); };
  functions.freeObject = [](void*) {};
#if HIREDIS_MAJOR >= 1
  functions.createArray = [](const redisReadTask* task, std::size_t size) -> void* {
    return Maker::array(*task, size);
  };
  functions.createDouble = [](const redisReadTask* task, double, char* characters,
                              std::size_t size) -> void* {
    return Maker::text(*task, characters, size);
  };
  functions.createBool = [](const redisReadTask* task, int value) -> void* {
    return Maker::integer(*task, value);
  };
#else
  functions.createArray = [](const redisReadTask* task, int size) -> void* {
    return Maker::array(*task, static_cast<std::size_t>(size));
  };
#endif
  return functions;
}

}  // namespace ferry::redis
