#include "trainer/checkpoint/run_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "data/base/error.hpp"

namespace bsft {

namespace fs = std::filesystem;

RunDirectory::RunDirectory(fs::path folder, Existing existing) {
  std::error_code error;
  fs::create_directories(folder, error);
  fs::path const file = folder / ".lock";
  lock_ = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) throw Failed(Exit::io, "cannot open " + file.string(), std::strerror(errno), "check run.dir");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    lock_ = -1;
    throw Invalid(Exit::locked, folder.string() + " is in use", "another job trains into it",
                  "wait for it, or set another run.dir");
  }
  bool const holds = fs::exists(folder / "metrics.jsonl") || fs::exists(folder / "checkpoints");
  if (holds && existing == Existing::refuse) {
    ::close(lock_);
    lock_ = -1;
    throw Invalid(Exit::locked, folder.string() + " holds a run already", "a new one would overwrite it",
                  "go on with --resume auto, or set another run.dir");
  }
}

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace bsft
