#include "trainer/checkpoint/run_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "data/base/error.hpp"
#include "trainer/checkpoint/layout.hpp"

namespace bsft {

namespace fs = std::filesystem;

RunDirectory::RunDirectory(fs::path folder, Existing existing, Unlock unlock, JobEnded const& ended)
    : folder_(std::move(folder)) {
  std::error_code error;
  if (folder_.has_parent_path()) fs::create_directories(folder_.parent_path(), error);
  ::mkdir(folder_.c_str(), 0700);
  lock();
  try {
    judge(existing, unlock, ended);
    owner_ = take_over(folder_);
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

void RunDirectory::lock() {
  fs::path const file = folder_ / ".lock";
  lock_ = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) throw Failed(Exit::io, "cannot open " + file.string(), std::strerror(errno), "check run.dir");
  for (int tries = 20; ::flock(lock_, LOCK_EX | LOCK_NB) != 0; --tries) {
    if (errno != EWOULDBLOCK && errno != EINTR) break;  // no locks here: the count of owners decides
    if (tries > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      continue;
    }
    ::close(lock_);
    throw Invalid(Exit::locked, folder_.string() + " is in use", "another job trains into it",
                  "wait for it, or set another run.dir");
  }
}

void RunDirectory::judge(Existing existing, Unlock unlock, JobEnded const& ended) const {
  bool const holds = fs::exists(folder_ / "metrics.jsonl") || !published_steps(folder_).empty() || has_corrupt(folder_);
  if (holds && existing == Existing::refuse) {
    throw Invalid(Exit::locked, folder_.string() + " holds a run already", "a new one would overwrite it",
                  "go on with --resume auto, or set another run.dir");
  }
  std::optional<Owner> const last = last_owner(folder_);
  if (!last || unlock == Unlock::forced || has_let_go(*last, ended)) return;
  std::string const who = last->host.empty() ? "a job that left no name"
                                             : "process " + std::to_string(last->pid) + " on " + last->host +
                                                   (last->job.empty() ? "" : ", Slurm job " + last->job);
  throw Invalid(Exit::locked, folder_.string() + " may be in use",
                "its last owner is " + who + ", which did not say that it ended",
                "make sure that it has ended, then add --force-unlock");
}

RunDirectory::~RunDirectory() {
  try {
    release(folder_, owner_);
  } catch (std::exception const&) {  // then the next one on another host has to be told
  }
  ::close(lock_);
}

bool is_in_use(fs::path const& folder) {
  int const lock = ::open((folder / ".lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (lock < 0) return false;
  bool const held = ::flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(lock);
  return held;
}

}  // namespace bsft
