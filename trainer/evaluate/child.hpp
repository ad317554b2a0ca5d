// Run this program once more, as a plain process, and wait for it.
//
// The child gets argv as it is (no shell), none of the launcher's variables (OMPI_*, PMIX_*, PMI_*, SLURM_*, …: it must
// not believe that it is a rank), no standard input, its output in `log`, and the number of its supervisor in
// BSFT_SUPERVISOR: where that ends, the child ends (leave_with_supervisor).
// Errors: Failed(unavailable) where the program cannot be started.  What the child does is a return value.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bsft {

struct ChildEnd {
  int exit_code = 0;  // 128 + the signal's number where one ended it
  std::string error;  // its last line of error output; empty where it ended well
};

// plain: as above.  kept: the child is a launcher itself (mpirun, which needs the job's variables).
enum class Variables { plain, kept };
ChildEnd run_child(std::filesystem::path const& program, std::vector<std::string> const& arguments,
                   std::filesystem::path const& log, Variables variables = Variables::plain);

// In the child: ask to be ended with the supervisor.  Does nothing where BSFT_SUPERVISOR is not set.
void leave_with_supervisor();

// /proc/self/exe, as a path that another program could be given.
std::filesystem::path this_program();

}  // namespace bsft
