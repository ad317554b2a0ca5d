#include "trainer/loop/lane_sum.hpp"

#include "data/base/error.hpp"

namespace bsft {

LaneSum::LaneSum(std::size_t lanes) : lanes_(lanes) { ensure(lanes >= 1, "a rank has a lane"); }

void LaneSum::add(at::Tensor x) {
  at::NoGradGuard no_grad;
  bool const last = ++added_ == lanes_;
  std::size_t level = 0;
  for (;; ++level) {
    if (level == levels_.size()) levels_.emplace_back();
    if (!levels_[level].waits) break;
    x.add_(levels_[level].sum);
    levels_[level].waits = false;
  }
  if (!last) {
    if (!levels_[level].sum.defined()) levels_[level].sum = at::empty_like(x);
    levels_[level].sum.copy_(x);
    levels_[level].waits = true;
    return;
  }
  for (; level < levels_.size(); ++level) {
    if (!levels_[level].waits) continue;
    x.add_(levels_[level].sum);
    levels_[level].waits = false;
  }
  added_ = 0;
}

}  // namespace bsft
