// Who has a run's folder: a count of its owners that only grows, so that one who lost it cannot publish (fencing).
//
//   RUN/.owners/00000003   {"host", "boot", "pid", "job", "nonce", "released"}; the highest number has the folder
// take_over makes the next number, above every owner's and every manifest's, with its content by link(2), which fails
// where another took it first: atomic on every file system that has links, whatever becomes of locks.
// has_let_go: whether the last owner has let go of it or is known to have ended: released, of this machine (by its
// boot id; the caller holds the lock, which a living one of this machine would hold), of this Slurm job (started
// again), or of a Slurm job of which `ended` says so. Errors: Invalid(locked, 73) of require_owner where a later owner
// is there; Failed(io). Source: reliability.md section 5, row 25; tests/checkpoint/ownership_test.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace bsft {

struct Owner {
  std::int64_t number = 0, pid = 0;
  std::string host, boot, job, nonce;
  bool released = false;
};

// By a Slurm job's number.
using JobEnded = std::function<bool(std::string const& job)>;

std::optional<Owner> last_owner(std::filesystem::path const& run_dir);
bool has_let_go(Owner const& owner, JobEnded const& ended);
// The same without a lock that would be held: of this machine, its process must be gone.
bool has_ended(Owner const& owner, JobEnded const& ended);
// This process, from now on.
Owner take_over(std::filesystem::path const& run_dir);
void release(std::filesystem::path const& run_dir, Owner owner);
void require_owner(std::filesystem::path const& run_dir, std::int64_t number);

}  // namespace bsft
