// Claim the folder of a run for one job.
//
// The lock is a flock on RUN/.lock, held while this object lives: it ends with the process, however that ends.
// Errors: Invalid(locked, 73) where another job holds it, or where the folder holds a run and `resumes` is false.
// Requires: one rank only.
#pragma once

#include <filesystem>

namespace bsft {

enum class Existing { refuse, resume };

class RunDirectory {
 public:
  RunDirectory(std::filesystem::path folder, Existing existing);
  ~RunDirectory();
  RunDirectory(RunDirectory const&) = delete;
  RunDirectory& operator=(RunDirectory const&) = delete;

 private:
  int lock_ = -1;
};

}  // namespace bsft
