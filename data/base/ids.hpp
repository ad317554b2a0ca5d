// Indices as types, so that a task cannot be passed for a behaviour.
#pragma once

#include <cstdint>

namespace bsft {

using TokenId = std::int32_t;  // a row of the embedding table
enum class TaskId : std::int32_t {};
enum class BehaviorId : std::int32_t {};

template <class Id>
constexpr std::int32_t index(Id id) noexcept {
  return static_cast<std::int32_t>(id);
}

}  // namespace bsft
