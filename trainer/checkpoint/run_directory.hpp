// Claim the folder of a run for one job.
//
// Two bars: a flock on RUN/.lock, held while this object lives, which ends with the process, however that ends; and the
// count of owners (ownership.hpp), where a lock does not reach: on another host, or on a file system without locks. The
// folder is made 0700.  A lock that is held is tried for a second, as who was just killed may hold it still;
// for a minute where its last owner has ended for certain, as a lock server may lag (reliability.md, row 26).
// Errors: Invalid(locked, 73) where another job holds it, where its last owner is not known to have ended and
// Unlock::forced does not say that it has, or where the folder holds a run and `existing` refuses that; nothing has
// been written then. Requires: one rank only.
#pragma once

#include <filesystem>

#include "trainer/checkpoint/ownership.hpp"

namespace bsft {

enum class Existing { refuse, resume };
enum class Unlock { when_ended, forced };

class RunDirectory {
 public:
  RunDirectory(std::filesystem::path folder, Existing existing, Unlock unlock = Unlock::when_ended,
               JobEnded const& ended = {}, double lag = 60);  // seconds
  ~RunDirectory();
  RunDirectory(RunDirectory const&) = delete;
  RunDirectory& operator=(RunDirectory const&) = delete;

  std::int64_t owner() const { return owner_.number; }

 private:
  void lock(JobEnded const& ended, double lag);
  void judge(Existing existing, Unlock unlock, JobEnded const& ended) const;

  std::filesystem::path folder_;
  int lock_ = -1;
  Owner owner_;
};

// Whether a process that the lock can see holds the folder.
bool is_in_use(std::filesystem::path const& folder);

}  // namespace bsft
