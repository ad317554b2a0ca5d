// Hold a file open, so that whoever looks at it twice looks at the same one.
//
// The file is opened read-only; a symbolic link and what is not a regular file are refused.  path() opens this very
// file again, whatever its name stands for by then; name() is for messages.  expect_unchanged() compares size and times
// with those at the start: it sees who wrote into the file meanwhile, unless they set the clock of the file system
// back. Errors: Failed(data) where there is no such file, Failed(io) where it cannot be opened, Broken for the rest.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

namespace bsft {

class PinnedFile {
 public:
  explicit PinnedFile(std::filesystem::path const& file);
  PinnedFile(PinnedFile&& other) noexcept
      : name_(std::move(other.name_)), fd_(std::exchange(other.fd_, -1)), info_(other.info_) {}
  PinnedFile& operator=(PinnedFile&&) = delete;
  ~PinnedFile();

  std::string const& name() const { return name_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }
  std::uintmax_t bytes() const { return static_cast<std::uintmax_t>(info_.st_size); }
  void expect_unchanged() const;

 private:
  std::string name_;
  int fd_ = -1;
  struct stat info_ {};
};

}  // namespace bsft
