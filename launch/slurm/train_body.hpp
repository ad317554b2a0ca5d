// slurm/train.sbatch from its first command on.
#pragma once

#include <string_view>

namespace bsft::slurm {

extern std::string_view const train_body;

}  // namespace bsft::slurm
