#include "trainer/loop/lane_sum.hpp"

#include "data/base/error.hpp"

namespace bsft {

LaneSum::LaneSum(std::size_t lanes) : lanes_(lanes) { ensure(lanes >= 1, "a rank has a lane"); }

void LaneSum::add(at::Tensor x) {
  at::NoGradGuard no_grad;
  if (added_ + 1 == lanes_) {
    add_last(x, 0, x.numel());
    start_again();
    return;
  }
  ++added_;
  std::size_t level = 0;
  for (;; ++level) {
    if (level == levels_.size()) levels_.emplace_back();
    if (!levels_[level].waits) break;
    x.add_(levels_[level].sum);
    levels_[level].waits = false;
  }
  if (!levels_[level].sum.defined()) levels_[level].sum = at::empty_like(x);
  levels_[level].sum.copy_(x);
  levels_[level].waits = true;
}

void LaneSum::add_last(at::Tensor const& x, std::int64_t begin, std::int64_t end) const {
  ensure(added_ + 1 == lanes_, "the lanes before the last have been added");
  at::NoGradGuard no_grad;
  at::Tensor part = x.narrow(0, begin, end - begin);
  for (Level const& level : levels_) {
    if (level.waits) part.add_(level.sum.narrow(0, begin, end - begin));
  }
}

void LaneSum::start_again() {
  for (Level& level : levels_) level.waits = false;
  added_ = 0;
}

}  // namespace bsft
