#include "kernels/op/behavior_ids.hpp"

#include <algorithm>
#include <vector>

namespace bsft::op {

kernel::BehaviorIds behavior_list(at::Tensor const& behavior_ids) {
  kernel::BehaviorIds list{};
  auto const values = behavior_ids.contiguous();
  list.count = static_cast<std::int32_t>(values.numel());
  for (std::int32_t k = 0; k < list.count; ++k)
    list.id[k] = static_cast<std::int32_t>(values.data_ptr<std::int64_t>()[k]);
  return list;
}

kernel::KeptColumns kept_columns(kernel::BehaviorIds const& behaviors, std::int64_t vocabulary) {
  std::vector<std::int32_t> sorted(behaviors.id, behaviors.id + behaviors.count);
  std::sort(sorted.begin(), sorted.end());
  kernel::KeptColumns kept{};
  std::int32_t from = 0;
  auto const keep = [&](std::int32_t end) {
    if (end > from) {
      kept.begin[kept.count] = from;
      kept.end[kept.count++] = end;
    }
  };
  for (std::int32_t id : sorted) {
    if (id >= vocabulary) break;
    keep(id);
    from = id + 1;
  }
  keep(static_cast<std::int32_t>(vocabulary));
  return kept;
}

}  // namespace bsft::op
