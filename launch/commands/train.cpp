// bsft train: under mpirun or srun, or alone.
#include "data/base/error.hpp"
#include "launch/commands/commands.hpp"
#include "launch/run.hpp"
#include "trainer/checkpoint/same_run.hpp"

namespace bsft {
namespace {

int train(Arguments const& arguments) { return run_train(train_request(arguments)); }

}  // namespace

TrainRequest train_request(Arguments const& arguments) {
  require_safe(arguments.list("allow-change"));
  return {arguments.text("config"),       arguments.list("set"),    arguments.text("resume"),
          arguments.list("allow-change"), arguments.has("dry-run"), arguments.has("force-unlock")};
}

Command train_command() {
  return {"train",
          "Run",
          "fine-tune a model with behaviour tokens on the ranks that mpirun or srun started, or alone",
          "",
          {{"config", "C.yaml", "the configuration", "", true, false},
           {"set", "key=value", "override a key, e.g. --set optimizer.learning_rate=1e-4", "", false, true},
           {"resume", "HOW",
            "auto (the newest checkpoint of the run folder, or the beginning), none, or a checkpoint's folder", "",
            false, false},
           {"force-unlock", "", "take the run folder although its last job, on another host, did not say that it ended",
            "", false, false},
           {"allow-change", "KEY", "a key that a resume may change, of: " + joined(safe_changes()), "", false, true},
           {"dry-run", "", "everything up to the first step: checks, and what the run would be", "", false, false}},
          {"mpirun -np 3 bsft train --config configs/quickstart.yaml",
           "bsft train --config configs/smollm2_135m.yaml --dry-run",
           "mpirun -np 2 bsft train --config C.yaml --resume auto"},
          train};
}

}  // namespace bsft
