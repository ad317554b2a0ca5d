// Run this program once more, as a plain process, and wait for it, or look whether it has ended.
//
// The child gets argv as it is (no shell), none of the launcher's variables (OMPI_*, PMIX_*, PMI_*, SLURM_*, …: it must
// not believe that it is a rank), no standard input, its output in `log`, and the number of its supervisor in
// BSFT_SUPERVISOR: where that ends, the child ends (leave_with_supervisor).  A plain child has a process group of its
// own: signals to the supervisor's are not for it.
// Errors: Failed(unavailable) where the program cannot be started.  What the child does is a return value.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bsft {

struct ChildEnd {
  int exit_code = 0;  // 128 + the signal's number where one ended it
  std::string error;  // its last line of error output; empty where it ended well
  bool given_up = false;
};

// plain: as above.  kept: the child is a launcher itself (mpirun, which needs the job's variables).
enum class Variables { plain, kept };

class Child {
 public:
  Child(std::filesystem::path const& program, std::vector<std::string> const& arguments, std::filesystem::path log,
        Variables variables = Variables::plain);
  enum class Wait { no, yes };
  // How it ended; empty: not yet.  Once it has said so it must not be asked again.
  std::optional<ChildEnd> ended(Wait wait = Wait::no) const;
  void signal(int number) const;

 private:
  std::filesystem::path log_;
  int pid_ = 0;
};

// give_up: asked while the child runs; once it says yes the child is ended.
ChildEnd run_child(std::filesystem::path const& program, std::vector<std::string> const& arguments,
                   std::filesystem::path const& log, Variables variables = Variables::plain,
                   std::function<bool()> const& give_up = {});

// In the child: ask to be ended with the supervisor.  Does nothing where BSFT_SUPERVISOR is not set.
void leave_with_supervisor();

// argv or an environment as the system takes them: of the words, which must outlive it, and a null.
std::vector<char*> pointers(std::vector<std::string>& words);
// Of a status of waitpid: the exit code, or 128 + the number of the signal that ended it.
int exit_code_of(int status);

// /proc/self/exe, as a path that another program could be given.
std::filesystem::path this_program();

}  // namespace bsft
