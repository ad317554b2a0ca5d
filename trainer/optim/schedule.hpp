// The learning rate as a pure function of the step: linear warm-up, then cosine, linear or constant.
//
//   warm-up  (s + 1) / (w + 1) * peak                        s < w, so the first step already moves
//   after    floor + (peak - floor) * f((s - w) / (n - w))   f: cosine (1 + cos(pi x)) / 2, linear 1 - x, constant 1
// s counts steps done before this one, n all steps, floor = min_lr_ratio * peak; warmup < 1 is a share of n, else
// steps. Nothing to save for a resume.
#pragma once

#include <cstdint>

#include "trainer/config/config.hpp"

namespace bsft {

std::int64_t warmup_steps(SchedulerConfig const& scheduler, std::int64_t total_steps);
double learning_rate(OptimizerConfig const& optimizer, SchedulerConfig const& scheduler, std::int64_t step,
                     std::int64_t total_steps);

}  // namespace bsft
