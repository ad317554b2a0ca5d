#include "trainer/checkpoint/staged_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "data/base/digest.hpp"
#include "data/base/error.hpp"

namespace bsft {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t chunk_bytes = std::size_t{4} << 20;

class NewFile {
 public:
  explicit NewFile(fs::path path)
      : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) {
    if (fd_ < 0) fail("create");
  }
  ~NewFile() { ::close(fd_); }
  NewFile(NewFile const&) = delete;
  NewFile& operator=(NewFile const&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t const n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("write");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void flush() {
    if (::fsync(fd_) != 0) fail("flush");
  }

 private:
  [[noreturn]] void fail(char const* verb) const {
    throw Failed(Exit::io, "cannot " + std::string(verb) + " " + path_.string(), std::strerror(errno));
  }

  fs::path path_;
  int fd_;
};

}  // namespace

FileEntry write_new(fs::path const& folder, StagedFile const& file, std::stop_token const& stop) {
  NewFile out(folder / file.name);
  Sha256 sum;
  std::int64_t bytes = 0;
  auto const write = [&](std::string_view part) {
    for (; !part.empty(); part.remove_prefix(std::min(part.size(), chunk_bytes))) {
      if (stop.stop_requested()) throw Failed(Exit::io, "cannot write " + file.name, "the run ends");
      std::string_view const chunk = part.substr(0, chunk_bytes);
      sum.add(chunk);
      out.write(chunk);
      bytes += static_cast<std::int64_t>(chunk.size());
    }
  };
  write(file.head);
  for (std::string_view const part : file.body) write(part);
  out.flush();
  return {bytes, sum.hex()};
}

}  // namespace bsft
