// Whether a run would start: what bsft train --dry-run looks at, without the model's weights in memory.
//
// The data file and its match with the model's tokenizer, the legal numbers of ranks, a checkpoint that would be
// resumed, the run's folder and the room for its checkpoints.  Writes a probe into the folder for half a second at
// most. Errors: those of the training, with its exit codes, the first one that is met.  One process, before it has
// threads.
#pragma once

#include <cstdint>

#include "trainer/config/config.hpp"

namespace bsft::slurm {

struct Readiness {
  std::int64_t steps = 0;
  std::int64_t parameters = 0;
  std::int64_t lead_seconds = 0;  // before its end at which a job is told, so that a save fits: its time and a minute
};

// ranks: of the job, evaluators and all.
Readiness readiness_of(Config const& config, std::int64_t ranks);

}  // namespace bsft::slurm
