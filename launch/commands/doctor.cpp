// bsft doctor: what this machine or allocation can do, before a run.
#include "launch/doctor/doctor.hpp"
#include "data/base/error.hpp"
#include "launch/commands/commands.hpp"

namespace bsft {
namespace {

int run(Arguments const& arguments) {
  double const seconds = arguments.real("seconds");
  if (!(seconds >= 5 && seconds <= 3600))
    throw Invalid(Exit::usage, "--seconds " + arguments.text("seconds"), "from 5 to 3600");
  if (arguments.text("config").empty() && arguments.has("set"))
    throw Invalid(Exit::usage, "--set", "there is no configuration to override", "name it with --config");
  return doctor::examine({arguments.text("config"), arguments.list("set"), arguments.text("dir"),
                          arguments.text("data"), seconds, arguments.has("json")});
}

}  // namespace

Command doctor_command() {
  return {
      "doctor",
      "Prepare",
      "what this machine or allocation can do: libraries, ranks, GPUs, CPUs, wires, storage",
      "",
      {{"config", "C.yaml", "the run that is meant: its folders, model size, threads and backend", "", false, false},
       {"set", "key=value", "override a key of it", "", false, true},
       {"dir", "DIR", "a run folder to examine, in place of the configuration's", "", false, false},
       {"data", "FILE.h5", "a data file to read, in place of the configuration's", "", false, false},
       {"seconds", "N", "end by then, whatever hangs", "60", false, false},
       {"json", "", "one JSON document in place of the table", "", false, false}},
      {"bsft doctor", "mpirun -np 3 bsft doctor --config configs/quickstart.yaml",
       "srun bsft doctor --config C.yaml --json > doctor.json"},
      run};
}

}  // namespace bsft
