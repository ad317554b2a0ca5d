// status.json: how a run stands, written atomically; mpirun's own exit code cannot be trusted.
//
//   {"state": "running" | "done" | "failed" | "trained" | "stopped" | "restarting",
//    "exit_code", "step", "total_steps", "message"}
// "trained": all steps are done and the evaluation is not.  "stopped": it was asked to, and can go on.  "restarting":
// bsft launch starts it again; at its end it adds "restarts" where there were some.  Requires: one rank at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace bsft {

struct RunStatus {
  std::string state = "running";
  int exit_code = -1;  // -1 while running
  std::int64_t step = 0, total_steps = 0;
  std::string message;
  int restarts = 0;  // by bsft launch
};

void write_status(std::filesystem::path const& run_dir, RunStatus const& status);
// Empty where it is not there or not whole.
std::optional<RunStatus> read_status(std::filesystem::path const& run_dir);

}  // namespace bsft
