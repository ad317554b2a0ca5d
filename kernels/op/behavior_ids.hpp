// The K behaviour ids as launches take them: by value.
#pragma once

#include <ATen/ATen.h>

#include "kernels/body/cross_entropy.hpp"

namespace bsft::op {

// Requires: checked by check::behavior_ids (on the CPU, distinct, at most kernel::most_behaviors, below 2^31).
kernel::BehaviorIds behavior_list(at::Tensor const& behavior_ids);
// The ranges of [0, vocabulary) that hold no behaviour id, ascending, none empty.
kernel::KeptColumns kept_columns(kernel::BehaviorIds const& behaviors, std::int64_t vocabulary);

}  // namespace bsft::op
