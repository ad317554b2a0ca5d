#include "data/base/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "data/base/error.hpp"

namespace bsft {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(std::string_view verb, fs::path const& path) {
  int const code = errno;
  throw Failed(code == ENOENT ? Exit::data : Exit::io, "cannot " + std::string(verb) + " " + path.string(),
               std::strerror(code));
}

class Descriptor {
 public:
  Descriptor(fs::path const& path, int flags, mode_t mode = 0600) : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (fd_ < 0) fail("open", path);
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(Descriptor const&) = delete;
  Descriptor& operator=(Descriptor const&) = delete;
  operator int() const { return fd_; }

 private:
  int fd_;
};

std::size_t regular_size(int fd, fs::path const& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail("stat", path);
  if (!S_ISREG(info.st_mode)) throw Broken(path.string(), "not a regular file");
  return static_cast<std::size_t>(info.st_size);
}

// Fills `into` up to the file's end; the bytes that it holds then.
std::size_t read_some(int fd, std::string& into, fs::path const& path) {
  std::size_t done = 0;
  while (done < into.size()) {
    ssize_t const n = ::read(fd, into.data() + done, into.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read", path);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

void write_all(int fd, std::string_view bytes, fs::path const& path) {
  while (!bytes.empty()) {
    ssize_t const n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

std::string read_file(fs::path const& file, std::size_t limit_bytes) {
  Descriptor const fd(file, O_RDONLY);
  std::size_t const size = regular_size(fd, file);
  if (size > limit_bytes)
    throw Broken(file.string(), std::to_string(size) + " bytes, at most " + std::to_string(limit_bytes));
  std::string bytes(size, '\0');
  bytes.resize(read_some(fd, bytes, file));
  return bytes;
}

void read_blocks(fs::path const& file, std::function<void(std::string_view)> const& each) {
  Descriptor const fd(file, O_RDONLY);
  std::string block(std::min(regular_size(fd, file) + 1, std::size_t{1} << 20), '\0');
  while (std::size_t const size = read_some(fd, block, file)) each(std::string_view(block).substr(0, size));
}

void write_atomically(fs::path const& file, std::string_view bytes) {
  write_atomically(file, std::span<std::string_view const>(&bytes, 1));
}

void write_atomically(fs::path const& file, std::span<std::string_view const> parts) {
  fs::path const temporary = file.string() + ".tmp" + std::to_string(::getpid());
  try {
    Descriptor const fd(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    for (auto const part : parts) write_all(fd, part, temporary);
    if (::fsync(fd) != 0) fail("flush", temporary);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) {
    int const code = errno;
    ::unlink(temporary.c_str());
    errno = code;
    fail("rename to", file);
  }
  sync_path(file.has_parent_path() ? file.parent_path() : fs::path("."));
}

void append_line(fs::path const& file, std::string_view line) {
  Descriptor const fd(file, O_WRONLY | O_CREAT | O_APPEND);
  write_all(fd, std::string(line) + "\n", file);
}

void sync_path(fs::path const& path) {
  Descriptor const fd(path, O_RDONLY);
  if (::fsync(fd) != 0) fail("flush", path);
}

MappedFile::MappedFile(fs::path const& file) {
  Descriptor const fd(file, O_RDONLY);
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail("stat", file);
  if (!S_ISREG(info.st_mode)) throw Broken(file.string(), "not a regular file");
  size_ = static_cast<std::size_t>(info.st_size);
  if (size_ == 0) return;
  void* const address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
  if (address == MAP_FAILED) fail("map", file);
  data_ = static_cast<char const*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

}  // namespace bsft
