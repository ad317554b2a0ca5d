// The libraries that were compiled against and those that were loaded.
//
// A pair that differs fails: headers of one library and code of another agree on nothing.  NCCL may be newer in its
// last number; CUDA's runtime in its second.  judge() is pure.  Any thread.
#pragma once

#include <string>
#include <vector>

#include "launch/doctor/diagnosis.hpp"

namespace bsft::doctor {

enum class Match { exact, last_may_be_newer, minor_may_be_newer };

struct LibraryVersion {
  std::string name, compiled, loaded;  // "2.11.0"; loaded empty: nothing says
  Match match = Match::exact;
  std::string details;  // shown after the number
};

Finding judge(LibraryVersion const& library);
// libtorch, MPI, HDF5, NCCL, CUDA, as this process has them.
std::vector<LibraryVersion> library_versions();
// The compiler, the kernels' instruction set and libtorch's.
std::vector<Finding> build_findings();
// bsft's own version and a digest of the program's file: what must be the same on all hosts.
std::string program_identity();

}  // namespace bsft::doctor
