// Train: config, data, model, ranks, loop, checkpoints, evaluation, report.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bsft {

struct TrainRequest {
  std::filesystem::path config;
  std::vector<std::string> overrides;     // of --set
  std::string resume;                     // auto, none or a folder; empty: as checkpoint.resume says
  std::vector<std::string> allow_change;  // keys that a resume may change
  bool dry_run = false;                   // everything up to the first step
};

// Collective over the ranks that mpirun or srun started.  Returns the exit code of this rank.
int run_train(TrainRequest const& request);

}  // namespace bsft
