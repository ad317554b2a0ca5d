// bsft launch: a training job with a supervisor.
#include "data/base/error.hpp"
#include "launch/commands/commands.hpp"
#include "launch/supervisor.hpp"

namespace bsft {
namespace {

int launch(Arguments const& arguments) {
  std::int64_t const restarts = arguments.integer("restarts");
  if (restarts < 0 || restarts > 1000)
    throw Invalid(Exit::usage, "--restarts " + arguments.text("restarts"), "0 to 1000");
  return supervise(arguments.positional, static_cast<int>(restarts));
}

}  // namespace

Command launch_command() {
  return {"launch",
          "Run",
          "start a training job, and again from its newest checkpoint when a rank is lost",
          "-- COMMAND…",
          {{"restarts", "N", "give up after so many in a row without a new checkpoint", "3", false, false}},
          {"bsft launch -- mpirun -np 3 bsft train --config C.yaml",
           "bsft launch -- srun --mpi=pmix bsft train --config C.yaml --resume auto"},
          launch};
}

}  // namespace bsft
