// Train: config, data, model, ranks, loop, checkpoints, evaluation, report.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "launch/options.hpp"
#include "trainer/config/config.hpp"

namespace bsft {

struct TrainRequest {
  std::filesystem::path config;
  std::vector<std::string> overrides;     // of --set
  std::string resume;                     // auto, none or a folder; empty: as checkpoint.resume says
  std::vector<std::string> allow_change;  // keys that a resume may change
  bool dry_run = false;                   // everything up to the first step
  bool force_unlock = false;              // the folder's last owner has ended, whatever its record says
};

// What was typed after `bsft train`.
TrainRequest train_request(Arguments const& arguments);
// The configuration with what was typed, and its run folder.  A folder in checkpoint.resume is where the run begins:
// --resume auto keeps it until there is a checkpoint of the run's own.  Errors: the configuration's.
Config configured(TrainRequest const& request);

// Collective over the ranks that mpirun or srun started.  Returns the exit code of this rank.
int run_train(TrainRequest const& request);

}  // namespace bsft
