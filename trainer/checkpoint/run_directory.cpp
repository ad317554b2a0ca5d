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
namespace {

constexpr double brief = 1;  // s

}  // namespace

RunDirectory::RunDirectory(fs::path folder, Existing existing, Unlock unlock, JobEnded const& ended, double lag)
    : folder_(std::move(folder)) {
  std::error_code error;
  if (folder_.has_parent_path()) fs::create_directories(folder_.parent_path(), error);
  ::mkdir(folder_.c_str(), 0700);
  lock(ended, lag);
  try {
    judge(existing, unlock, ended);
    owner_ = take_over(folder_);
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

void RunDirectory::lock(JobEnded const& ended, double lag) {
  fs::path const file = folder_ / ".lock";
  lock_ = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) throw Failed(Exit::io, "cannot open " + file.string(), std::strerror(errno), "check run.dir");
  using Clock = std::chrono::steady_clock;
  auto const start = Clock::now();
  while (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return;  // no locks here: the count of owners decides
    double const waited = std::chrono::duration<double>(Clock::now() - start).count();
    std::optional<Owner> const last = waited < brief ? std::nullopt : last_owner(folder_);
    bool const lags = last && has_ended(*last, ended);
    if (waited < brief || (lags && waited < lag)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(waited < brief ? 50 : 500));
      continue;
    }
    ::close(lock_);
    if (lags)
      throw Invalid(Exit::locked, file.string() + " is still locked",
                    "its last owner has ended, so the lock server lags, or a process that it left behind holds it",
                    "try again in some minutes, or set another run.dir");
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
