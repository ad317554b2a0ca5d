// Run a training job as a child process, and start it again when a rank of it is lost (restart_policy.hpp).
//
// The child is the words as they are, without a shell, in a process group of its own.  From the first restart on it
// resumes: --resume auto takes the place of what was typed.  The outcome is that of status.json where the attempt wrote
// it, because a launcher's exit code cannot be trusted.
//   USR1, USR2       passed on
//   TERM, INT, HUP   the first asks by USR1, which no launcher takes for a reason to kill; the third ends the job now
// Each restart is a line on standard error and in events.jsonl; meanwhile status.json is "restarting", and at the end
// it has the number of "restarts".  Where a sweep started it and is killed, it has a TERM.  Errors: Invalid(usage)
// where the words have no `bsft train`; those of the configuration, before anything is started; Failed(unavailable)
// where the program cannot be started.  Source: tests/launch/supervisor_test.py.
#pragma once

#include <string>
#include <vector>

namespace bsft {

// words: "mpirun -np 3 bsft train --config C.yaml".  restarts: at most so many without a new checkpoint.  The exit
// code.
int supervise(std::vector<std::string> const& words, int restarts);

}  // namespace bsft
