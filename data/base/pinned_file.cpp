#include "data/base/pinned_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "data/base/error.hpp"

namespace bsft {

PinnedFile::PinnedFile(std::filesystem::path const& file) : name_(file.string()) {
  // Non-blocking: a pipe of this name would wait for its writer.
  fd_ = ::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd_ < 0 && errno == ENOENT)
    throw Failed(Exit::data, "cannot open " + name_, "no such file", "make it with bsft data build");
  if (fd_ < 0 && errno == ELOOP) throw Broken(name_, "a symbolic link", "name the file itself");
  if (fd_ < 0) throw Failed(Exit::io, "cannot open " + name_, std::strerror(errno));
  bool const regular = ::fstat(fd_, &info_) == 0 && S_ISREG(info_.st_mode);
  if (regular) return;
  ::close(fd_);
  throw Broken(name_, "not a regular file");
}

PinnedFile::~PinnedFile() {
  if (fd_ >= 0) ::close(fd_);
}

void PinnedFile::expect_unchanged() const {
  struct stat now {};
  auto const same = [](timespec const& a, timespec const& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; };
  if (::fstat(fd_, &now) != 0 || now.st_size != info_.st_size || !same(now.st_mtim, info_.st_mtim) ||
      !same(now.st_ctim, info_.st_ctim))
    throw Broken(name_, "it was changed while it was opened", "wait until it is whole");
}

}  // namespace bsft
