// Examine what a run needs, before it: libraries, ranks, GPUs, CPUs, wires, storage.
//
// Collective over the ranks that mpirun or srun started; rank 0 prints the table or the JSON document (diagnosis.hpp).
// Ends within `seconds` whatever hangs: what was found by then is printed with a failure that names the stage.
// No environment variable is shown but the launcher's.  Returns the exit code of this rank: that of the first failure.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bsft::doctor {

struct Request {
  std::filesystem::path config;        // empty: none
  std::vector<std::string> overrides;  // of --set
  std::filesystem::path folder, data;  // in place of the configuration's
  double seconds = 60;
  bool json = false;
};

int examine(Request const& request);

}  // namespace bsft::doctor
