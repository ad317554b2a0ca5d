// slurm/train.sbatch and slurm/sweep.sbatch, each from its first command on.
#pragma once

#include <string_view>

namespace bsft::slurm {

extern std::string_view const train_body, sweep_body;

}  // namespace bsft::slurm
